/** Small pieces that several panels share. */
import { html, nothing, type TemplateResult } from "lit";
import { arrow, sign } from "../format";
import type { GapView } from "../shapes";

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

/** What ends a dialog by Escape: at once, for its own `close` comes later, and may find that something else was opened meanwhile. */
export function leaving(close: () => void): { cancel(event: Event): void; closed(event: Event): void } {
  return {
    cancel: (event) => {
      if (event.target !== event.currentTarget) return;
      event.preventDefault();
      close();
    },
    closed: (event) => {
      if (event.target === event.currentTarget && !(event.target as HTMLDialogElement).open) close();
    },
  };
}

/** How much of a panel is shown: all of it, its head alone, or nothing but it. */
export type Fold = "open" | "closed" | "full";

export interface Frame {
  readonly fold: Fold;
  set(fold: Fold): void;
}

/** The buttons that fold a panel and give it the whole screen; `title` names it to those who do not see which. */
export function tools(name: string, title: string, { fold, set }: Frame): TemplateResult {
  const full = fold === "full";
  const open = fold !== "closed";
  const [folding, filling] = [`${open ? "Collapse" : "Expand"} ${title}`, `${full ? "Leave full screen of" : "Full screen of"} ${title}`];
  return html`<div class="tools">
    ${full ? nothing : html`<button type="button" class="icon" aria-expanded=${open ? "true" : "false"} aria-label=${folding} title=${folding}
      data-fold=${name} @click=${() => set(open ? "closed" : "open")}>${mark(open ? "M4 12.500l6-6 6 6" : "M4 7.500l6 6 6-6")}</button>`}
    <button type="button" class="icon" aria-label=${filling} title=${filling} data-full=${name}
      @click=${() => set(full ? "open" : "full")}>${mark(full ? "M8 3v5H3M17 8h-5V3M12 17v-5h5M3 12h5v5" : "M3 8V3h5M12 3h5v5M17 12v5h-5M8 17H3v-5")}</button>
  </div>`;
}

function mark(path: string): TemplateResult {
  return html`<svg viewBox="0 0 20 20" width="14" height="14" aria-hidden="true"><path d=${path} fill="none" stroke="currentColor" stroke-width="1.800" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
}

/** `title` in plain words; `beside`: what follows it; `controls`: what is chosen in this panel, before its own buttons. */
export interface Head {
  readonly name: string;
  readonly title: string;
  readonly frame: Frame;
  readonly beside?: unknown;
  readonly controls?: unknown;
}

/** A panel as every panel is: a head that stays, and a body that is not made while it is closed. */
export function panel({ name, title, frame, beside, controls }: Head, body: () => unknown): TemplateResult {
  const closed = frame.fold === "closed";
  return html`<section class="panel ${name} ${closed ? "closed" : ""}" aria-labelledby="${name}-title" data-panel=${name}>
    <div class="panel-head">
      <h2 id="${name}-title">${title}</h2>${beside ?? nothing}
      ${closed || controls === undefined || controls === nothing ? nothing : html`<div class="controls">${controls}</div>`}${tools(name, title, frame)}
    </div>
    ${closed ? nothing : body()}
  </section>`;
}

/** The list twin of a drawing, made when it is opened: what is closed weighs nothing. */
export function twin(summary: string, listed: boolean, list: (open: boolean) => void, body: () => unknown): TemplateResult {
  return html`<details class="twin" ?open=${listed} @toggle=${(event: Event) => list((event.target as HTMLDetailsElement).open)}>
    <summary>${summary}</summary>${listed ? body() : nothing}</details>`;
}

/** Who told nothing, or what is not there, each with its reason. */
export function gaps(title: string, told: readonly GapView[]): TemplateResult | typeof nothing {
  if (!told.length) return nothing;
  return html`<div class="gaps"><p class="muted">${title}</p><ul class="notes">${told.map(({ name, why }) => html`<li><strong><bdi>${name}</bdi></strong> <bdi>${why}</bdi></li>`)}</ul></div>`;
}
