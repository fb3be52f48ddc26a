/** What is wrong right now, in words, above the figures it concerns. */
import { html, nothing, type TemplateResult } from "lit";
import type { Link } from "../feed";
import { duration, instant, ratio } from "../format";
import type { State } from "../state";

export function banner(state: State | null, link: Link, quietMs: number | null): TemplateResult | typeof nothing {
  const heard = quietMs === null ? "" : ` Nothing heard for ${duration(quietMs)}.`;
  const asOf = state ? ` Figures as of ${instant(state.at)}, market time.` : "";
  if (link.status === "lost")
    return say("down", "Disconnected", `${heard}${asOf} Trying again until it answers.`);
  if (link.status === "silent" && state?.health.status !== "starting")
    return say("down", "Stale", `${heard}${asOf} The socket stands, but the market is silent.`);
  if (state?.health.status === "starting")
    return say("flat", "Starting", ` The past is lived through, ${ratio(state.health.history_done_ratio, 0)} of it so far: prices and positions are of then.`);
  if (state?.health.status === "degraded") return say("down", "Degraded", ` ${state.health.problem ?? ""}`);
  return nothing;
}

function say(tone: string, title: string, text: string): TemplateResult {
  return html`<p class="banner ${tone}"><strong>${title}.</strong><span>${text}</span></p>`;
}
