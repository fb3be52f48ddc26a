/** The ways to the pages: beside the pairs, or along the foot of a phone. */
import { html, nothing, type TemplateResult } from "lit";
import { pageHref, type Page, type PageId } from "../places";

export function nav(pages: readonly Page[], here: PageId): TemplateResult {
  return html`<nav class="pages" aria-label="Pages">
    ${pages.map(({ id, name, says, icon }, index) => html`<a href=${pageHref(id)} data-page=${id} aria-current=${id === here ? "page" : nothing} title="${says} (${index + 1})">
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><path d=${icon} fill="none" stroke="currentColor" stroke-width="1.500" stroke-linecap="round" stroke-linejoin="round"/></svg>
      <span>${name}</span></a>`)}
  </nav>`;
}
