/** Small pieces that several panels share. */
import { html, nothing, type TemplateResult } from "lit";
import { arrow, sign } from "../format";

/** A permalink to all that led to one decision. */
export function whyHref(id: string): string {
  return `#/decision/${encodeURIComponent(id)}`;
}

/** Green or red with an arrow and a sign, so that it reads without colour. */
export function signed(text: string): TemplateResult {
  const mark = arrow(text);
  return html`<span class="signed ${tone(text)}">${mark ? html`<span class="arrow" aria-hidden="true">${mark}</span>` : nothing}${text}</span>`;
}

export function tone(text: string): string {
  return { "-1": "down", "0": "flat", "1": "up" }[sign(text)];
}

const TONES: Readonly<Record<string, string>> = { BUY: "up", SELL: "down", long: "up", short: "down", CLOSE: "accent", UPDATE: "accent" };

export function actionTag(action: string): TemplateResult {
  const worn = TONES[action] ?? "flat";
  const mark = { up: "▲", down: "▼", accent: "◆", flat: "" }[worn];
  return html`<span class="tag ${worn}">${mark ? html`<span class="arrow" aria-hidden="true">${mark}</span>` : nothing}${action}</span>`;
}

export function empty(title: string, text: string): TemplateResult {
  return html`<div class="empty"><p class="empty-title">${title}</p><p>${text}</p></div>`;
}

/** Choose one of a few: buttons, the chosen one pressed. */
export function segment<T>(label: string, choices: readonly (readonly [string, T])[], chosen: T, choose: (value: T) => void): TemplateResult {
  return html`<div class="segment" role="group" aria-label=${label}>
    ${choices.map(([name, value]) => html`<button type="button" aria-pressed=${value === chosen} @click=${() => choose(value)}>${name}</button>`)}
  </div>`;
}

export function select<T extends string>(label: string, choices: readonly (readonly [string, T])[], chosen: T, choose: (value: T) => void): TemplateResult {
  const changed = (event: Event): void => choose((event.target as HTMLSelectElement).value as T);
  return html`<label class="select"><span class="sr-only">${label}</span>
    <select @change=${changed}>
      ${choices.map(([name, value]) => html`<option value=${value} ?selected=${value === chosen}>${name}</option>`)}
    </select></label>`;
}

/** A field: its name small, its figure below. */
export function field(name: string, value: unknown, title?: string): TemplateResult {
  return html`<div class="field" title=${title ?? nothing}><dt>${name}</dt><dd>${value}</dd></div>`;
}

/** 0…1 as a bar with its figure beside it. */
export function meter(value: number | null, text: string): TemplateResult {
  return html`<span class="meter" aria-hidden="true"><span .style=${`width:${(value ?? 0) * 100}%`}></span></span><span>${text}</span>`;
}
