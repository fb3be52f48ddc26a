/** One decision as one story, from what the market was to what came of it; each step with the fact or seal it comes from. */
import { LitElement, html, nothing, type TemplateResult } from "lit";
import "../charts/picture";
import "../styles/why.css";
import { NONE, exact, fixed, instant, multiple, number, price, quantity, quoteOf, ratio, significant, time, usd } from "../format";
import type { Attempt, EventView, FillView, Mismatch, PositionView, TradeView, WhyView } from "../shapes";
import { safeHref } from "../surroundings";
import { fold, known, read, table, type Known } from "./known";
import { inWords } from "./in-words";
import { lesson } from "./lesson";
import { actionTag, field, meter, signed, whyHref } from "./parts";
import { rule } from "./rules";

interface Stage {
  readonly name: string;
  readonly title: string;
  /** In one or two words, for those who only look over it. */
  readonly gist?: unknown;
  readonly body: unknown;
  /** Whether there was anything at all. */
  readonly happened: boolean;
  /** Where it is from: names with a fact's id or a seal. */
  readonly from: readonly (readonly [string, string | null])[];
}

type Kind<K extends EventView["kind"]> = Extract<EventView, { kind: K }>;

export class WhyStory extends LitElement {
  static override properties = {
    view: { attribute: false }, chart: { attribute: false }, copy: { attribute: false }, exported: { attribute: false }, promptsHidden: { attribute: false },
    at: { state: true }, saving: { state: true }, failed: { state: true },
  };
  declare view: WhyView;
  declare chart: (id: string) => Promise<Blob>;
  declare copy: (text: string) => void;
  declare exported: ((id: string) => Promise<Blob>) | undefined;
  declare promptsHidden: boolean;
  /** The step that is being read. */
  declare at: string;
  declare saving: boolean;
  declare failed: string | null;

  constructor() {
    super();
    this.promptsHidden = this.saving = false;
    this.at = "snapshot";
    this.failed = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  #go(name: string): void {
    const part = this.querySelector<HTMLElement>(`[data-stage=${name}]`);
    part?.scrollIntoView({ block: "start" });
    part?.querySelector<HTMLElement>("h3")?.focus({ preventScroll: true });
    this.at = name;
  }

  #scrolled = (event: Event): void => {
    const place = event.currentTarget as HTMLElement;
    const top = place.getBoundingClientRect().top + (this.querySelector(".story-steps")?.clientHeight ?? 0) + 40;
    const parts = [...this.querySelectorAll<HTMLElement>("[data-stage]")];
    const isEnd = place.scrollTop + place.clientHeight >= place.scrollHeight - 2;
    const read = isEnd ? parts.at(-1) : parts.findLast((part) => part.getBoundingClientRect().top <= top);
    const name = (read ?? parts[0])?.dataset["stage"] ?? this.at;
    if (name === this.at) return;
    this.at = name;
    const button = this.querySelector<HTMLElement>(`[data-step=${name}]`);
    const bar = button?.closest<HTMLElement>(".story-steps");
    if (button && bar) bar.scrollLeft = button.offsetLeft - bar.clientWidth / 2 + button.clientWidth / 2;
  };

  #save = async (): Promise<void> => {
    const { id } = this.view.decision;
    if (!this.exported || this.saving) return;
    this.saving = true;
    this.failed = null;
    try {
      const url = URL.createObjectURL(await this.exported(id));
      Object.assign(document.createElement("a"), { href: url, download: fileName(id) }).click();
      // Revoked at once it would be gone before the browser has read it.
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      this.failed = error instanceof Error ? error.message : "The server did not answer.";
    } finally {
      this.saving = false;
    }
  };

  protected override render(): TemplateResult {
    const stages = told(this.view, this.chart, this.copy, this.promptsHidden);
    const { id } = this.view.decision;
    return html`<div class="why-body" tabindex="0" role="region" aria-label="All that led to this decision" @scroll=${this.#scrolled}>
      <nav class="story-steps" aria-label="Steps of the decision"><ol>${stages.map(({ name, title, happened }) => html`<li>
        <button type="button" class=${happened ? "" : "unheld"} data-step=${name} aria-current=${this.at === name ? "step" : nothing} @click=${() => this.#go(name)}>
          <span aria-hidden="true">${happened ? "●" : "○"}</span> ${title}${happened ? nothing : html`<span class="sr-only">: did not happen</span>`}</button></li>`)}</ol></nav>
      <div class="row story-tools">
        <button type="button" @click=${() => this.copy(new URL(whyHref(id), location.href).href)}>Copy link</button>
        ${this.exported ? html`<button type="button" data-test="why-export" ?disabled=${this.saving} @click=${() => void this.#save()}>${this.saving ? "Exporting…" : "Export JSON"}</button>` : nothing}
        <span class="muted from">Decided ${instant(this.view.decision.decided_at)}${this.view.decision.is_forced ? ", asked for by hand" : ""}</span>
      </div>
      ${this.failed ? html`<p class="refusal" role="alert"><strong>Not exported.</strong> ${this.failed}</p>` : nothing}
      ${stages.map((stage) => html`<section class="stage ${stage.happened ? "" : "unheld"}" data-stage=${stage.name} aria-labelledby="stage-${stage.name}">
        <div class="stage-head"><h3 id="stage-${stage.name}" tabindex="-1">${stage.title}</h3>${stage.gist ? html`<span class="gist">${stage.gist}</span>` : nothing}</div>
        ${stage.body}
        <dl class="traced">${stage.from.map(([name, value]) => html`<div><dt>${name}</dt><dd><code>${value ?? "none"}</code></dd></div>`)}</dl>
      </section>`)}
    </div>`;
  }
}

customElements.define("why-story", WhyStory);

function told(view: WhyView, chart: WhyStory["chart"], copy: WhyStory["copy"], hidden: boolean): Stage[] {
  const { decision, recalled, rules, attempts, mismatches, fills } = view;
  const seen = read(view.snapshot);
  const fact = `DecisionMade:${decision.id}`;
  const news = seen?.news ?? [];
  const snapshotSeal = ["Snapshot SHA-256", view.snapshot_sha256] as const;
  const askedAt = decision.prompt_version !== null || view.user_prompt !== null;
  return [
    {
      name: "snapshot", title: "Snapshot", happened: seen !== null, gist: seen ? `${price(seen.price)} · ${seen.regime.trend} ${seen.regime.phase}` : decision.regime,
      body: html`${seen ? known(seen) : html`<p>The archive no longer has what was seen. The decision keeps that the price was ${price(decision.price)} and the market ${decision.regime}.</p>`}
        ${view.snapshot === null ? nothing : fold("The snapshot as it is kept (JSON)", raw("Snapshot as JSON", pretty(view.snapshot), copy))}`,
      from: [["Snapshot", decision.id], snapshotSeal],
    },
    {
      name: "chart", title: "Chart", happened: true,
      body: html`<decision-picture .decision=${decision.id} .load=${chart} .name=${`${decision.symbol} ${decision.timeframe}, ${time(decision.closed_at)} UTC`} .words=${inWords(decision, seen)}></decision-picture>
        <p class="muted">${inWords(decision, seen)} ${view.prompt_sha256 === null ? "Nobody was asked." : SAW[String(view.saw_chart)]}</p>`,
      from: [["Chart", `chart/${decision.id}`]],
    },
    {
      name: "news", title: "News", happened: news.length > 0, gist: news.length ? counted(news.length, "article") : undefined,
      body: news.length ? html`<ul class="articles">${news.map(article)}</ul>`
        : html`<p>${seen === null ? "What it was shown of the press went with the snapshot." : "It was shown no news: none was about this pair, or none is read in this market."}</p>`,
      from: [snapshotSeal],
    },
    {
      name: "memory", title: "Memory", happened: recalled.length > 0, gist: recalled.length ? counted(recalled.length, "experience") : undefined,
      body: recalled.length ? html`<ul class="lessons">${recalled.map((lived) => lesson(lived, true))}</ul>` : html`<p>Nothing lived so far was close enough to recall.</p>`,
      from: decision.recalled.length ? decision.recalled.map((id) => ["Experience", id] as const) : [["Decision", fact]],
    },
    {
      name: "rules", title: "Rules", happened: rules.length > 0, gist: rules.length ? counted(rules.length, "rule") : undefined,
      body: rules.length ? html`<ul class="lessons">${rules.map((formed) => rule(formed))}</ul>` : html`<p>No rule was in force to be shown.</p>`,
      from: decision.rules.length ? decision.rules.map((id) => ["Rule", `RuleFormed:${id}`] as const) : [["Decision", fact]],
    },
    {
      name: "asked", title: "Asked", happened: askedAt, gist: askedAt ? (decision.model ?? "nobody answered") : undefined,
      body: askedAt ? html`<p>${attempts.length ? html`${counted(attempts.length, "question")}, ${spent(attempts)}. Prompt version ${decision.prompt_version ?? NONE}.`
          : html`No model was asked: ${decision.model ?? "the rules analyst"} answered the prompt by rules, for nothing. Prompt version ${decision.prompt_version ?? NONE}.`}</p>
        ${attempts.length ? html`<ol class="attempts">${attempts.map(attempt)}</ol>` : nothing}
        ${words("What it was asked", view.user_prompt, copy, hidden)}${words("Standing instructions", view.system_prompt, copy, hidden)}`
        : html`<p>Nobody was asked: ${decision.refusals[0]?.reason ?? "it was decided without a model"}.</p>`,
      from: [["Prompt SHA-256", view.prompt_sha256], ["Decision", fact]],
    },
    {
      name: "answered", title: "Answered", happened: decision.wanted !== null, gist: decision.wanted === null ? undefined : html`${actionTag(decision.wanted)} ${ratio(decision.confidence_ratio, 0)} sure`,
      body: answered(view, copy), from: [["Reply SHA-256", view.reply_sha256], ["Decision", fact]],
    },
    {
      name: "checked", title: "Checked", happened: decision.wanted !== null, gist: decision.wanted === null ? undefined : mismatches.length ? counted(mismatches.length, "wrong figure") : "nothing wrong",
      body: mismatches.length ? table("Figures it stated that are others", ["", "Stated", "Computed"], mismatches.map((one: Mismatch) => [one.name, significant(one.stated), one.computed === null ? "no such figure" : significant(one.computed)]))
        : html`<p>${decision.wanted === null ? "There was no answer to check." : "No figure that it stated is another than computed."}</p>`,
      from: [["Decision", fact]],
    },
    {
      name: "guards", title: "Guards", happened: decision.refusals.length > 0 || decision.wanted !== null, gist: decision.refusals.length ? `${decision.wanted ?? "nothing"} → ${decision.action}` : "let it pass",
      body: html`${decision.refusals.length ? decision.refusals.map((one) => html`<p class="refusal"><strong>Refused by ${one.guard}.</strong> ${one.reason}${one.until ? html` Until ${instant(one.until)}.` : nothing}</p>`)
          : html`<p>No guard refused it: ${decision.wanted ?? "nothing"} was wanted, ${decision.action} was decided.</p>`}
        ${decision.notes.length ? html`<ul class="notes">${decision.notes.map((note) => html`<li>${note}</li>`)}</ul>` : nothing}`,
      from: [["Decision", fact]],
    },
    ordered(view),
    {
      name: "fill", title: "Fill", happened: fills.length > 0, gist: fills[0] ? `${price(fills[0].price)}` : undefined,
      body: fills.length ? fills.map((one) => filled(one, quoteOf(decision.symbol))) : html`<p>Nothing was bought or sold.</p>`,
      from: fills.length ? fills.map((one) => [`Fill to ${one.purpose}`, one.event_id] as const) : [["Decision", fact]],
    },
    result(view),
  ];
}

/** A picture that nobody was shown decided nothing. */
const SAW: Readonly<Record<string, string>> = {
  true: "The model was shown this picture.", false: "No model was shown it: the prompt went without a picture.", null: "Whether a model was shown it is no longer known.",
};

function answered({ decision, reply }: WhyView, copy: WhyStory["copy"]): TemplateResult {
  const { wanted, price: at, stop_price: stop, target_price: target } = decision;
  const reward = stop === null || target === null ? null : Math.abs((Number(target) - Number(at)) / (Number(at) - Number(stop)));
  return html`
    ${wanted === null ? html`<p>${reply === null ? "No answer that could be used." : "The answer makes no decision; it is kept below as it came."}</p>` : html`
      <dl class="fields figures">
        ${field("Wanted", actionTag(wanted))}
        ${field("Confidence", meter(decision.confidence_ratio, ratio(decision.confidence_ratio, 0)))}
        ${field("P(next candle up)", meter(decision.p_up, ratio(decision.p_up, 0)))}
        ${field("P(up in 24 h)", meter(decision.p_up_24h, ratio(decision.p_up_24h, 0)))}
        ${field("Stop", stop === null ? NONE : html`${price(stop)} <span class="muted">${off(stop, at)}</span>`)}
        ${field("Target", target === null ? NONE : html`${price(target)} <span class="muted">${off(target, at)}</span>`)}
        ${reward === null || !Number.isFinite(reward) ? nothing : field("Reward to risk", number(reward))}
      </dl>
      ${decision.reasoning ? html`<p class="reasoning"><bdi>${decision.reasoning}</bdi></p>` : html`<p>It gave no reason.</p>`}
      ${decision.invalidation ? html`<p class="invalidation"><strong>Wrong if</strong> <bdi>${decision.invalidation}</bdi></p>` : nothing}`}
    ${reply === null ? html`<p class="muted">The archive no longer has the words themselves, or there were none.</p>` : fold("The reply as it came", raw("Reply", reply, copy), wanted === null)}`;
}

function ordered({ decision, events }: WhyView): Stage {
  const placed = of(events, "OrderPlaced");
  const expired = of(events, "OrderExpired");
  const moved = of(events, "PositionUpdated");
  const order = placed?.order ?? expired?.order;
  const none = decision.action === "HOLD" ? "HOLD places no order." : decision.action === "UPDATE" ? "An update moves levels; it places no order." : "No order was placed.";
  return {
    name: "order", title: "Order", happened: order !== undefined, gist: order ? `${order.purpose} ${order.side}` : undefined,
    body: html`${order ? html`<dl class="fields figures">
        ${field("To", `${order.purpose} a ${order.side}`)}${field("Quantity", html`${quantity(order.quantity)} ${order.symbol.split("/")[0]}`)}
        ${field("Placed", `${time(order.created_at)} UTC`)}${field("Good until", `${time(order.expires_at)} UTC`)}</dl>` : html`<p>${none}</p>`}
      ${expired ? html`<p class="refusal"><strong>Not filled.</strong> ${expired.refusal.reason}</p>` : nothing}`,
    from: placed ? [["Order", placed.id]] : expired ? [["Order", expired.id]] : moved ? [["Update", moved.id]] : [["Decision", `DecisionMade:${decision.id}`]],
  };
}

function filled(fill: FillView, currency: string): TemplateResult {
  const worse = Number(fill.worse_ratio ?? 0);
  const expected = { decision: "Price when decided", stop: "The stop", target: "The target" }[fill.expected];
  return html`<dl class="fields figures">
    ${field(fill.purpose === "open" ? `Opened ${fill.side}` : `Closed ${fill.side}`, html`${price(fill.price)} ${currency}`)}
    ${field(expected, price(fill.expected_price))}
    ${field("Slippage to it", fill.worse_quote === null ? NONE : html`${exact(fill.worse_quote)} ${currency} <span class="muted">${fixed(fill.worse_ratio, 1, { shift: 4, signed: true })} bps ${worse > 0 ? "worse" : worse < 0 ? "better" : ""}</span>`, "Above 0 it cost, below 0 it brought")}
    ${field("Quantity", quantity(fill.quantity))}
    ${field("Fee", html`${exact(fill.fee_quote)} ${currency}`)}
    ${field("Filled", `${time(fill.filled_at)} UTC`, instant(fill.filled_at))}
    ${field("At the prices of", html`<bdi>${fill.source ?? NONE}</bdi>`)}
  </dl>`;
}

function result({ decision, events }: WhyView): Stage {
  const closed = of(events, "PositionClosed");
  const updates = events.filter((event): event is Kind<"PositionUpdated"> => event.kind === "PositionUpdated");
  const opened = of(events, "PositionOpened");
  const learned = of(events, "LessonLearned");
  const again = of(events, "PostMortemWritten");
  const judged = of(events, "RefusalJudged");
  const refused = of(events, "EntryRefused");
  const happened = Boolean(closed || updates.length || judged || refused);
  const found = [...updates, closed, learned, again, judged ?? refused].filter((event) => event !== undefined);
  return {
    name: "result", title: "Result", happened,
    gist: closed ? signed(ratio(closed.trade.return_ratio, 2, true)) : judged ? signed(ratio(judged.refused.return_ratio, 2, true)) : opened ? "still open" : undefined,
    body: html`
      ${updates.map((event) => moved(event.position, event.at, event.decision_id === decision.id ? null : event.decision_id))}
      ${closed ? ended(closed.trade, decision.id) : opened ? html`<p>The position is still open: what it comes to is not known yet.</p>` : nothing}
      ${learned ? html`<p class="sub">Lesson</p><p><bdi>${learned.experience.lesson}</bdi></p>` : nothing}
      ${again ? html`<p class="sub">Looked at again by <bdi>${again.post_mortem.by}</bdi>: ${again.post_mortem.verdict}</p>
        <dl class="twice"><div><dt>Expected</dt><dd><bdi>${again.post_mortem.expected}</bdi></dd></div><div><dt>Came</dt><dd><bdi>${again.post_mortem.actual}</bdi></dd></div><div><dt>Next time</dt><dd><bdi>${again.post_mortem.lesson}</bdi></dd></div></dl>` : nothing}
      ${judged ? html`<p class="sub">What was refused would have come to</p><p>${signed(ratio(judged.refused.return_ratio, 2, true))} <span class="muted">${multiple(judged.refused.r_multiple, "R", true)}</span> by ${judged.refused.end ?? NONE} ${judged.refused.closed_at ? html`at ${instant(judged.refused.closed_at)}` : nothing}</p>`
        : refused ? html`<p>What would have come of the refused entry is being watched.</p>` : nothing}
      ${happened || opened ? nothing : html`<p>Nothing came of it: no position was opened, moved or closed.</p>`}`,
    from: found.length ? found.map((event) => [NAMES[event.kind] ?? event.kind, event.id] as const) : [["Decision", `DecisionMade:${decision.id}`]],
  };
}

const NAMES: Partial<Record<EventView["kind"], string>> = {
  PositionUpdated: "Update", PositionClosed: "Close", LessonLearned: "Lesson", PostMortemWritten: "Post-mortem", RefusalJudged: "Hindsight", EntryRefused: "Refused entry",
};

function moved(position: PositionView, at: string, by: string | null): TemplateResult {
  return html`<p><time class="muted" datetime=${at}>${instant(at)}</time> Levels moved: stop ${price(position.stop_price)}, target ${price(position.target_price)}${by === null ? nothing : html` <a href=${whyHref(by)}>by this decision</a>`}</p>`;
}

/** Gross less what was paid is net, to the last digit, as the ledger has it. */
function ended(trade: TradeView, decision: string): TemplateResult {
  const currency = quoteOf(trade.symbol);
  const other = trade.decision_id === decision ? trade.close_decision_id : trade.decision_id;
  return html`<p>Closed at <strong>${price(trade.exit_price)}</strong> by ${trade.exit_reason} on ${instant(trade.closed_at)}${trade.is_ambiguous ? "; one bar held stop and target, the stop was taken" : ""}.
      ${other !== null && other !== decision ? html`<a href=${whyHref(other)}>${trade.decision_id === decision ? "The decision that closed it" : "The decision that opened it"}</a>` : nothing}</p>
    <table class="plain sums"><caption>What it came to, in ${currency}</caption><tbody>
      <tr><th scope="row">Gross: ${price(trade.entry_price)} → ${price(trade.exit_price)} × ${quantity(trade.quantity)}</th><td>${signed(exact(trade.gross_pnl_quote, "", true))}</td></tr>
      <tr><th scope="row">− Fees</th><td>${exact(trade.fees_quote)}</td></tr>
      <tr><th scope="row">− Funding</th><td>${exact(trade.funding_quote)}</td></tr>
      <tr class="net"><th scope="row">= Net</th><td>${signed(exact(trade.realized_pnl_quote, "", true))}</td></tr>
    </tbody></table>
    <dl class="fields figures">
      ${field("Return", signed(ratio(trade.return_ratio, 2, true)))}${field("In risk", multiple(trade.r_multiple, "R", true))}
      ${field("Worst before costs", ratio(trade.mae_ratio, 2, true))}${field("Best before costs", ratio(trade.mfe_ratio, 2, true))}
    </dl>`;
}

function article(one: NonNullable<Known["news"]>[number]): TemplateResult {
  const href = safeHref(one.url);
  const title = html`<bdi>${one.title || "Without a title"}</bdi>`;
  return html`<li class="article"><p class="title">${href === null ? title : html`<a href=${href} rel="noopener noreferrer nofollow" target="_blank">${title}</a>`}</p>
    ${one.text ? html`<p class="lead"><bdi>${one.text}</bdi></p>` : nothing}
    <p class="row from"><bdi>${one.source}</bdi><span>published ${time(one.published_at)}, as it says</span><span class="chip">relevance ${ratio(one.score, 0)}</span></p></li>`;
}

/** Those whose own names say little to people. */
const FAULTS: Partial<Record<string, string>> = {
  auth: "key refused", budget: "no money left for it", circuit: "left alone for a while", deadline: "no time left", schema: "no decision", unrecorded: "not on the tape",
};

function attempt(one: Attempt): TemplateResult {
  const tokens = one.input_tokens === null && one.output_tokens === null ? "tokens not told"
    : `${fixed(one.input_tokens, 0)} tokens in, ${fixed(one.output_tokens, 0)} out${one.thinking_tokens ? ` (${fixed(one.thinking_tokens, 0)} thought)` : ""}`;
  return html`<li><p><strong>${one.fault === null ? "Answered" : (FAULTS[one.fault] ?? one.fault.replaceAll("_", " "))}</strong> <bdi>${one.model}</bdi> at <bdi>${one.provider}</bdi></p>
    <p class="from">${instant(one.asked_at)} · ${fixed(one.latency_s, 1)} s · ${tokens} · ${one.cost_usd === null ? "cost not told" : usd(one.cost_usd)}</p>
    ${one.said ? html`<p class="muted"><bdi>${one.said}</bdi></p>` : nothing}
    ${one.text ? html`<pre tabindex="0" role="region" aria-label="What it said">${one.text}</pre>` : nothing}</li>`;
}

function spent(attempts: readonly Attempt[]): string {
  const told = attempts.filter(({ cost_usd }) => cost_usd !== null);
  const seconds = attempts.reduce((sum, { latency_s }) => sum + latency_s, 0);
  const cost = told.length ? usd(told.reduce((sum, { cost_usd }) => sum + Number(cost_usd), 0)) : "cost not told";
  return `${fixed(seconds, 1)} s, ${cost}${told.length && told.length < attempts.length ? " and what nobody tells" : ""}`;
}

function words(title: string, content: string | null, copy: WhyStory["copy"], hidden: boolean): TemplateResult {
  if (content === null) return html`<p class="muted">${title}: ${hidden ? "not shown in this public view." : "the archive no longer has it."}</p>`;
  return fold(title, raw(title, content, copy));
}

function raw(title: string, content: string, copy: WhyStory["copy"]): TemplateResult {
  return html`<div class="text-place"><button type="button" class="copy" aria-label="Copy: ${title}" @click=${() => copy(content)}>Copy</button>
    <pre tabindex="0" role="region" aria-label=${title}>${content}</pre></div>`;
}

function of<K extends EventView["kind"]>(events: readonly EventView[], kind: K): Kind<K> | undefined {
  return events.find((event): event is Kind<K> => event.kind === kind);
}

function off(level: string, at: string): string {
  return ratio(Number(level) / Number(at) - 1, 2, true);
}

function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function fileName(id: string): string {
  return `semantic-signal-${id.replace(/[^A-Za-z0-9.-]/g, "-")}.json`;
}
