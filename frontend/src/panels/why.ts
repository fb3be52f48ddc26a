/** Everything that led to one decision and came of it, in a dialog with a permalink. The story itself comes when asked. */
import { html, nothing, type TemplateResult } from "lit";
import { time } from "../format";
import type { WhyView } from "../shapes";
import { wantedAndDone } from "./decision";
import { leaving } from "./parts";

export interface Why {
  readonly id: string;
  readonly view: WhyView | null;
  readonly failed: string | null;
}

export interface WhyProps {
  why: Why | null;
  chart(id: string): Promise<Blob>;
  close(): void;
  copy(text: string): void;
  /** The whole decision as a file; without it there is no such button. */
  exported?(id: string): Promise<Blob>;
  /** This page is for everybody, who are not shown what a model was asked. */
  promptsHidden?: boolean;
}

export function whyDialog(props: WhyProps): TemplateResult {
  const { why, close } = props;
  const leave = leaving(close);
  if (why) void import("./story");
  const backdrop = (event: MouseEvent): void => {
    if (event.target === event.currentTarget) close();
  };
  return html`<dialog class="why" aria-labelledby="why-title" @cancel=${leave.cancel} @close=${leave.closed} @click=${backdrop}>
    ${why ? html`<div class="why-sheet">
      <div class="panel-head">
        <h2 id="why-title">Why ${why.view ? html`${why.view.decision.symbol} <span class="muted">${time(why.view.decision.closed_at)} UTC</span>` : "this decision"}</h2>
        ${why.view ? wantedAndDone(why.view.decision) : nothing}
        <button type="button" class="icon push" aria-label="Close" data-test="why-close" @click=${close}>×</button>
      </div>
      ${why.failed ? body(html`<p class="refusal"><strong>Could not load it.</strong> ${why.failed} <a href="#/decisions">All decisions</a></p>`)
        : why.view ? html`<why-story .view=${why.view} .chart=${props.chart} .copy=${props.copy} .exported=${props.exported} .promptsHidden=${props.promptsHidden ?? false}></why-story>`
        : body(html`<p class="muted" aria-busy="true">Loading…</p>`)}
    </div>` : nothing}
  </dialog>`;
}

function body(content: TemplateResult): TemplateResult {
  return html`<div class="why-body" tabindex="0" role="region" aria-label="All that led to this decision">${content}</div>`;
}
