/** What worked: closed trades of a time and a side, by what they had in common, with how little a handful says. */
import { html, nothing, type TemplateResult } from "lit";
import { multiple, ratio } from "../format";
import type { WorkedView } from "../shapes";
import { empty, select, signed } from "./parts";

export interface Asked {
  readonly during: string;
  readonly side: string;
}

export interface WorkedProps {
  readonly asked: Asked;
  readonly told: WorkedView | null;
  readonly failed: string | null;
  ask(asked: Asked): void;
}

const TIMES = [["All time", ""], ["Last bull run", "bull"], ["Last bear market", "bear"], ["Last sideways time", "ranging"]] as const;
const SIDES = [["Both sides", ""], ["Longs", "long"], ["Shorts", "short"]] as const;
/** Groups of fewer trades are noise on a page. */
const FEWEST = 3;

export function worked({ asked, told, failed, ask }: WorkedProps): TemplateResult {
  const groups = told?.groups.filter(({ by, trades }) => by === "all" || trades >= FEWEST) ?? [];
  return html`<section class="panel worked" aria-labelledby="worked-title">
    <div class="panel-head">
      <h2 id="worked-title">What worked</h2>
      <div class="push">
        ${select("When", TIMES, asked.during as "", (during) => ask({ ...asked, during }))}
        ${select("Side", SIDES, asked.side as "", (side) => ask({ ...asked, side }))}
      </div>
    </div>
    ${failed ? empty("Nothing of that", failed) : !told ? html`<p class="muted">Counting…</p>`
      : !told.trades ? empty("No closed trade is all of that", "Choose another time or side.")
      : html`<div class="table-place" tabindex="0" role="region" aria-label="What worked, by what trades had in common"><table>
          <thead><tr><th scope="col">In common</th><th scope="col">Won</th><th scope="col">95 %</th><th scope="col">Mean</th><th scope="col">R</th></tr></thead>
          <tbody>${groups.map((one) => html`<tr>
            <th scope="row">${one.by === "all" ? one.name : html`<span class="muted">${one.by}</span> <bdi>${one.name}</bdi>`}</th>
            <td>${one.wins} of ${one.trades}</td><td>${ratio(one.win_low, 0)} – ${ratio(one.win_high, 0)}</td>
            <td>${signed(ratio(one.mean_return_ratio, 2, true))}</td><td>${one.mean_r === null ? nothing : multiple(one.mean_r, "R", true)}</td>
          </tr>`)}</tbody></table></div>
          <p class="muted">Precedents, not predictions.</p>`}
  </section>`;
}
