/** What worked: closed trades of a time and a side, by what they had in common, with how little a handful says. */
import { html, nothing, type TemplateResult } from "lit";
import { day, fixed, multiple, ratio } from "../format";
import type { WorkedView } from "../shapes";
import { empty, panel, select, signed, type Frame } from "./parts";

type Group = WorkedView["groups"][number];

export interface Asked {
  readonly during: string;
  readonly side: string;
}

export interface WorkedProps {
  readonly asked: Asked;
  readonly told: WorkedView | null;
  readonly failed: string | null;
  readonly frame: Frame;
  /** So many kinds of what trades have in common are shown. */
  readonly shown: number;
  show(kinds: number): void;
  ask(asked: Asked): void;
}

const TIMES = [["All time", ""], ["Last bull market", "bull"], ["Last bear market", "bear"], ["Last ranging market", "ranging"]] as const;
const SIDES = [["Both sides", ""], ["Longs", "long"], ["Shorts", "short"]] as const;
/** Groups of fewer trades are noise on a page. */
const FEWEST = 3;

export function worked({ asked, told, failed, ask, frame, shown, show }: WorkedProps): TemplateResult {
  const groups = told?.groups.filter(({ by, trades }) => by === "all" || trades >= FEWEST) ?? [];
  const kinds = families(groups);
  const controls = html`${select("When", TIMES, asked.during as "", (during) => ask({ ...asked, during }))}
    ${select("Side", SIDES, asked.side as "", (side) => ask({ ...asked, side }))}`;
  return panel({ name: "worked", title: "What worked", frame, controls }, () => html`
    ${failed ? empty("Nothing of that", failed) : !told ? html`<p class="muted">Counting…</p>`
      : !told.trades ? empty("No closed trade matches", `${told.since ? `Looked at: ${day(told.since)} to ${day(told.until)}. ` : ""}Choose another time or side.`)
      : html`<div class="table-place" tabindex="0" role="region" aria-label="What worked, by what trades had in common"><table>
          <thead><tr>
            <th scope="col">In common</th><th scope="col" class="number">Won</th>
            <th scope="col" class="number" title="Where the true share of wins lies at 90 % (Wilson): a handful of trades says little">Likely share</th>
            <th scope="col" class="number" title="Mean return of a trade, after costs">Mean</th>
            <th scope="col" class="number is-r" title="Mean result in multiples of what was risked">Mean R</th>
          </tr></thead>
          ${kinds.slice(0, shown).map(([by, some]) => html`<tbody>
            ${by === "all" ? nothing : html`<tr><th scope="rowgroup" colspan="5" class="family">${title(by)}</th></tr>`}
            ${some.map(row)}
          </tbody>`)}
        </table></div>
        ${kinds.length > shown ? html`<p class="more"><button type="button" @click=${() => show(Infinity)}>Show ${kinds.length - shown} more kinds</button></p>` : nothing}
        <p class="muted under-table">${told.since ? `Trades closed ${day(told.since)} to ${day(told.until)}${asked.during ? ", each pair in its own such time" : ""}. ` : ""}Precedents, not predictions. Groups of fewer than ${FEWEST} trades are left out; shares at 90 %, for as many trades as were not open at the same time.</p>`}`);
}

/** Neighbours that have in common the same kind of thing. */
function families(groups: readonly Group[]): [string, Group[]][] {
  const found = new Map<string, Group[]>();
  for (const one of groups) found.set(one.by, [...(found.get(one.by) ?? []), one]);
  return [...found];
}

function title(by: string): string {
  return by === "adx" || by === "rsi" ? by.toUpperCase() : `${by.charAt(0).toUpperCase()}${by.slice(1)}`;
}

function row(one: Group): TemplateResult {
  const [low, high] = [one.win_low * 100, one.win_high * 100];
  return html`<tr>
    <th scope="row"><bdi>${one.name}</bdi></th>
    <td class="number">${one.wins} of ${one.trades}</td>
    <td class="number"><span class="band" aria-hidden="true"><span .style=${`margin-left:${low}%;width:${high - low}%`}></span></span><span class="share">${fixed(low, 0)}–${ratio(one.win_high, 0)}</span></td>
    <td class="number">${signed(ratio(one.mean_return_ratio, 2, true))}</td>
    <td class="number is-r">${one.mean_r === null ? "–" : multiple(one.mean_r, "R", true)}</td>
  </tr>`;
}
