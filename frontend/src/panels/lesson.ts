/** One thing lived, and what it taught. */
import { html, nothing, type TemplateResult } from "lit";
import { multiple, ratio, time } from "../format";
import type { ExperienceView } from "../shapes";
import { actionTag, signed } from "./parts";

/** One experience; the why view shows the recalled ones the same way, with how alike they were. */
export function lesson(lived: ExperienceView, isRecalled = false): TemplateResult {
  return html`<li class="lesson">
    <div class="row">
      ${signed(ratio(lived.return_ratio, 2, true))}
      <span class="muted">${multiple(lived.r_multiple, "R", true)}</span>
      <span class="symbol">${lived.symbol}</span>${actionTag(lived.side)}
      <span class="muted push">${!isRecalled || lived.similarity_ratio === null ? nothing : html`${ratio(lived.similarity_ratio, 0)} alike · `}${time(lived.closed_at)}</span>
    </div>
    <p>${lived.lesson}</p>
    <p class="chips">${[lived.verdict, lived.regime, ...lived.conditions].filter(Boolean).slice(0, 6).map((chip) => html`<span class="chip">${chip}</span>`)}</p>
  </li>`;
}
