/** The keys and what they do. */
import { html, type TemplateResult } from "lit";
import type { Command } from "../commands";

export interface HelpProps {
  readonly commands: readonly Command[];
  /** Single keys act; whoever dictates or types by accident turns them off. */
  readonly keys: boolean;
  setKeys(on: boolean): void;
  close(): void;
}

const ALWAYS = [["j", "In a why: the pair's decision before"], ["k", "In a why: the one after"], ["Ctrl K", "Command palette"], ["Esc", "Close what is open"], ["Tab", "From one control to the next"]] as const;

export function help({ commands, keys, setKeys, close }: HelpProps): TemplateResult {
  const keyed = commands.filter(({ key }) => key !== undefined);
  return html`<div class="sheet">
    <div class="panel-head"><h2 id="help-title">Keyboard</h2>
      <div class="push"><button type="button" class="icon" aria-label="Close the keyboard help" @click=${close}>×</button></div></div>
    <div class="sheet-body" tabindex="0" role="region" aria-label="Keys">
      <dl class="keys">
        ${keyed.map(({ key, name }) => row(key!, name))}
        ${ALWAYS.map(([key, name]) => row(key, name))}
      </dl>
      <label class="row check"><input type="checkbox" .checked=${keys} @change=${(event: Event) => setKeys((event.target as HTMLInputElement).checked)} />
        Single keys act on this page</label>
      <p class="muted">On a chart: ← → move, + − zoom. In a list: ↑ ↓ Page Up Page Down Home End.</p>
    </div>
  </div>`;
}

function row(key: string, name: string): TemplateResult {
  return html`<div><dt>${key.split(" ").map((one) => html`<kbd>${one}</kbd> `)}</dt><dd>${name}</dd></div>`;
}
