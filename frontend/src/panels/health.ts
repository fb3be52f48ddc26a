/** How the machine itself fares: what is late, what failed, who is left alone, how full the disk is. */
import { html, nothing, type TemplateResult } from "lit";
import "../styles/health.css";
import { spanMs } from "../figures";
import { age, between, duration, fixed, instant, ratio, time } from "../format";
import type { VitalsView } from "../shapes";
import type { State } from "../state";
import { LoadedPanel } from "./loaded";
import { empty, field, gaps, panel, whyHref } from "./parts";

/** Names of fields to people. */
const NAMES: Readonly<Record<string, string>> = {
  circuits: "Circuits", watchdog: "Watchdog", dead_letters: "Dead letters", deliveries: "Discord", started_at: "Start", uptime_s: "Up for", last_minute_at: "Last minute",
  is_whole: "Memory complete", ledger_bytes: "Ledger size", disk_free_bytes: "Disk", experiences: "Experiences",
};
const SHOWN_DAYS = 7;

export class SemsigHealth extends LoadedPanel<VitalsView> {
  /** Another decision, another candle missed, another problem: the figures are others. */
  protected override needs(): string {
    const { decisions, refusals, health } = this.state;
    return JSON.stringify([decisions[0]?.id, refusals[0]?.id, health.status, health.problem]);
  }

  protected override load(): Promise<VitalsView> {
    return this.api.vitals();
  }

  protected override render(): TemplateResult {
    const { state, frame } = this;
    const { status } = state.health;
    const tone = { running: "up", starting: "flat", degraded: "down" }[status];
    return panel({ name: "health", title: "Health", frame, beside: html`<span class="tag ${tone}">${status}</span>` }, () => {
      const { told, failed } = this;
      if (!told) return failed ? html`${empty("Health cannot be told", failed)}<p class="more"><button type="button" @click=${this.again}>Try again</button></p>`
        : html`<div class="body" aria-busy="true"><p class="muted">Asking…</p></div>`;
      return body(told, state, failed);
    });
  }
}

function body(told: VitalsView, state: State, failed: string | null): TemplateResult {
  const { health, lag_s } = state;
  const unknown = new Map(told.unknown.map(({ name, why }) => [name, why]));
  const known = (name: string, value: unknown): TemplateResult =>
    value === null ? field(NAMES[name] ?? name, html`<span class="muted">not known here</span>`, unknown.get(name)) : field(NAMES[name] ?? name, value);
  const problems = told.problems.length ? told.problems.map(({ name, why }) => html`<li class="refusal"><strong><bdi>${name}</bdi></strong> <bdi>${why}</bdi></li>`)
    : health.problem ? [html`<li class="refusal"><bdi>${health.problem}</bdi></li>`] : [];
  const late = told.days.slice(0, SHOWN_DAYS);
  return html`<div class="body">
    ${failed ? html`<p class="refusal">Not asked again: ${failed}</p>` : nothing}
    ${problems.length ? html`<ul class="plain" aria-label="What goes wrong now">${problems}</ul>` : html`<p>Nothing goes wrong now.</p>`}
    ${told.speed === 1 ? nothing : html`<p class="muted">The market's clock runs ${fixed(told.speed, 0)} times as fast as yours; ages and delays are its minutes, “Up for” is yours.</p>`}
    <dl class="fields">
      ${field("Market's clock", instant(state.at))}
      ${field("Oldest price", lag_s === null ? html`<span class="muted">none told yet</span>` : `${duration(lag_s * 1000)} old`, "Age of the oldest of the prices shown, by the market's clock")}
      ${known("last_minute_at", told.last_minute_at && html`<span title="Of ${instant(told.last_minute_at)}">${between(told.last_minute_at, told.now)} old when asked</span>`)}
      ${known("uptime_s", told.uptime_s === null ? null : duration(told.uptime_s * 1000))}
      ${known("watchdog", told.watchdog && watched(told.watchdog))}
      ${known("dead_letters", told.dead_letters)}
      ${known("deliveries", told.deliveries)}
      ${field("Memory", `${told.memory.kept_by}${told.memory.is_whole === false ? ", filling" : ""}`)}
      ${known("experiences", told.memory.experiences === null ? null : fixed(told.memory.experiences, 0))}
      ${field("Ledger", told.ledger_entries === null ? "–" : `${fixed(told.ledger_entries, 0)} entries`)}
      ${known("ledger_bytes", bytes(told.ledger_bytes))}
      ${known("disk_free_bytes", told.disk_free_bytes === null ? null : `${bytes(told.disk_free_bytes)} free`)}
      ${field("Version", told.version)}
    </dl>
    <div class="table-place" tabindex="0" role="region" aria-label="The last candle and decision of each pair"><table>
      <thead><tr><th scope="col">Pair</th><th scope="col">Last candle decided on</th><th scope="col" class="number" title="From its close to the decision">Decided after</th></tr></thead>
      <tbody>${told.pairs.map((pair) => pairRow(pair, state))}</tbody>
    </table></div>
    ${late.length ? html`<div class="table-place" tabindex="0" role="region" aria-label="Failed and late cycles by day"><table>
      <thead><tr><th scope="col">Day</th><th scope="col" class="number">Decisions</th><th scope="col" class="number" title="No model gave an answer that could be read">Unanswered</th><th scope="col" class="number" title="Told too late to decide on">Missed</th><th scope="col" class="number" title="Orders for which no price came">Expired</th></tr></thead>
      <tbody>${late.map((one) => html`<tr><th scope="row">${one.day}</th><td class="number">${one.decisions}</td>${[one.unanswered, one.missed, one.expired].map((count) => html`<td class="number ${count ? "down" : "muted"}">${count}</td>`)}</tr>`)}</tbody>
    </table></div>` : nothing}
    ${told.circuits ? html`<div><h3>Venues and models</h3><ul class="plain circuits">${told.circuits.map(circuit)}</ul></div>` : nothing}
    ${gaps("Not known here", told.unknown.map(({ name, why }) => ({ name: NAMES[name] ?? name, why })))}
  </div>`;
}

function pairRow({ symbol, decision_id, closed_at, decided_at }: VitalsView["pairs"][number], state: State): TemplateResult {
  const span = spanMs(state.health.timeframe);
  // A candle is over when the next has closed; its cycle may take a little.
  const isLate = closed_at !== null && span !== null && Date.parse(state.at) - Date.parse(closed_at) > 2 * span;
  return html`<tr><th scope="row">${decision_id ? html`<a href=${whyHref(decision_id)} aria-label="${symbol}, why it was decided so">${symbol}</a>` : symbol}</th>
    <td>${closed_at === null ? html`<span class="muted">none yet</span>` : html`${time(closed_at)} <span class="muted">${age(closed_at, state.at)}</span>`}${isLate ? html` <span class="tag down">late</span>` : nothing}</td>
    <td class="number">${closed_at && decided_at ? between(closed_at, decided_at) : "–"}</td></tr>`;
}

type Circuit = NonNullable<VitalsView["circuits"]>[number];

function circuit({ of, name, is_open, until, score_ratio, reason }: Circuit): TemplateResult {
  return html`<li><span class="tag ${is_open ? "down" : "up"}">${is_open ? "left alone" : "asked"}</span> <strong><bdi>${name}</bdi></strong>
    <span class="muted">${of}${score_ratio === null ? "" : `, answers lately ${ratio(score_ratio, 0)}`}${until ? `, until ${time(until)}` : ""}</span>
    ${reason ? html`<span class="why-open"><bdi>${reason}</bdi></span>` : nothing}</li>`;
}

type Watchdog = NonNullable<VitalsView["watchdog"]>;

function watched({ overran, blocked, longest_blocked_s, last }: Watchdog): TemplateResult {
  if (!overran && !blocked) return html`<span title="No stage outstayed its time, and the event loop always turned">nothing hung</span>`;
  const still = blocked ? html`, still ${blocked} ×${longest_blocked_s === null ? "" : ` for up to ${duration(longest_blocked_s * 1000)}`}` : nothing;
  return html`<span class="down" title=${last ?? nothing}>${overran} ${overran === 1 ? "stage" : "stages"} ended${still}</span>`;
}

function bytes(count: number | null): string | null {
  if (count === null) return null;
  return count >= 1e9 ? `${fixed(count / 1e9, 1)} GB` : count >= 1e6 ? `${fixed(count / 1e6, 1)} MB` : `${fixed(count / 1e3, 0)} kB`;
}

customElements.define("semsig-health", SemsigHealth);
