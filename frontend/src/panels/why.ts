/** Everything that led to one decision and came of it, in a dialog with a permalink. The story itself comes when asked. */
import { html, nothing, type TemplateResult } from "lit";
import { time } from "../format";
import type { WhyView } from "../shapes";
import { wantedAndDone } from "./decision";

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
  if (why) void import("./story");
  const backdrop = (event: MouseEvent): void => {
    if (event.target === event.currentTarget) close();
  };
  return html`<dialog class="why" aria-labelledby="why-title" @close=${close} @click=${backdrop}>
    ${why ? html`<div class="why-sheet">
      <div class="panel-head">
        <h2 id="why-title">Why ${why.view ? html`${why.view.decision.symbol} <span class="muted">${time(why.view.decision.closed_at)} UTC</span>` : "this decision"}</h2>
        ${why.view ? wantedAndDone(why.view.decision) : nothing}
        <button type="button" class="icon push" aria-label="Close" data-test="why-close" @click=${close}>×</button>
      </div>
      ${why.failed ? body(html`<p class="refusal"><strong>Could not load it.</strong> ${why.failed}</p>`)
        : why.view ? html`<why-story .view=${why.view} .chart=${props.chart} .copy=${props.copy} .exported=${props.exported} .promptsHidden=${props.promptsHidden ?? false}></why-story>`
        : body(html`<p class="muted" aria-busy="true">Loading…</p>`)}
    </div>` : nothing}
  </dialog>`;
}

function body(content: TemplateResult): TemplateResult {
  return html`<div class="why-body" tabindex="0" role="region" aria-label="All that led to this decision">${content}</div>`;
function told(view: WhyView, chart: WhyProps["chart"], copy: WhyProps["copy"]): TemplateResult {
  const { decision, recalled, rules, events, attempts, mismatches } = view;
  return html`
    <div class="body">${synopsis(decision)}</div>
    ${part("The chart at that close", html`<decision-picture .decision=${decision.id} .load=${chart}></decision-picture>`, true)}
    ${view.reply === null && attempts.length ? part("What it answered", html`<p class="muted">Nothing that could be used: below stands how it was asked, and what was said.</p>`, true) : text("What it answered", view.reply, copy, true)}
    ${mismatches.length ? part(`Figures it got wrong (${mismatches.length})`, html`<ul class="events">${mismatches.map(misstated)}</ul>`, true) : nothing}
    ${attempts.length ? part(`How it was asked (${attempts.length === 1 ? "once" : `${attempts.length} times`})`, html`<ol class="events">${attempts.map(asked)}</ol>`, attempts.length > 1) : nothing}
    ${text("What it was asked", view.user_prompt, copy)}
    ${text("Standing instructions", view.system_prompt, copy)}
    ${text("Snapshot: all that was known", pretty(view.snapshot), copy)}
    ${part(`Experiences recalled (${recalled.length})`, recalled.length ? html`<ul class="lessons">${recalled.map((lived) => lesson(lived, true))}</ul>` : html`<p class="muted">Nothing lived so far was close enough.</p>`, recalled.length > 0)}
    ${part(`Rules it was shown (${rules.length})`, rules.length ? html`<ul class="lessons">${rules.map((formed) => rule(formed))}</ul>` : html`<p class="muted">No rule was in force.</p>`)}
    ${part(`What came of it (${events.length})`, events.length ? html`<ol class="events">${events.map(line)}</ol>` : html`<p class="muted">Nothing was done.</p>`, true)}
    ${part("Seals", html`<dl class="seals">
      <div><dt>Decision</dt><dd>${decision.id}</dd></div>
      <div><dt>Model</dt><dd>${decision.model ?? "not asked"}</dd></div>
      <div><dt>Prompt version</dt><dd>${decision.prompt_version ?? "—"}</dd></div>
      <div><dt>Decided</dt><dd>${instant(decision.decided_at)}</dd></div>
      <div><dt>Prompt SHA-256</dt><dd>${view.prompt_sha256 ?? "—"}</dd></div>
      <div><dt>Snapshot SHA-256</dt><dd>${view.snapshot_sha256}</dd></div>
    </dl>`)}`;
}

function part(title: string, content: unknown, open = false): TemplateResult {
  return html`<details class="part" ?open=${open}><summary><h3>${title}</h3></summary>${content}</details>`;
}

function text(title: string, content: string | null, copy: WhyProps["copy"], open = false): TemplateResult {
  return part(title, content === null ? html`<p class="muted">The archive no longer has it, or it was never asked.</p>`
    : html`<div class="text-place"><button type="button" class="copy" aria-label="Copy: ${title}" @click=${() => copy(content)}>Copy</button>
        <pre tabindex="0" role="region" aria-label=${title}>${content}</pre></div>`, open);
}

function misstated({ name, stated, computed }: Mismatch): TemplateResult {
  return html`<li><strong>${name}</strong> stated as ${significant(stated)}, ${computed === null ? "but there is no such figure" : html`computed ${significant(computed)}`}</li>`;
}

/** Those whose own names say little to people. */
const FAULTS: Partial<Record<string, string>> = {
  auth: "key refused", budget: "no money left for it", circuit: "left alone for a while", deadline: "no time left", schema: "no decision", unrecorded: "not on the tape",
};

function asked(one: Attempt): TemplateResult {
  const { input_tokens: read, output_tokens: written, cost_usd: cost } = one;
  const took = [`${fixed(one.latency_s, 1)} s`, read === null || written === null ? "" : `${read} + ${written} tokens`, cost === null ? "" : usd(cost)];
  return html`<li><time datetime=${one.asked_at}>${instant(one.asked_at)}</time> ${one.model} at ${one.provider}: ${one.fault === null ? "answered" : html`<strong>${FAULTS[one.fault] ?? one.fault.replace("_", " ")}</strong>`}, ${took.filter(Boolean).join(", ")}${one.said ? html`<br><span class="muted">${one.said}</span>` : nothing}${one.text ? html`<pre tabindex="0" role="region" aria-label="What it said">${one.text}</pre>` : nothing}</li>`;
}

function pretty(json: string | null): string | null {
  if (json === null) return null;
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function line(event: EventView): TemplateResult {
  return html`<li><time datetime=${event.at}>${instant(event.at)}</time> ${said(event)}</li>`;
}

function said(event: EventView): string {
  switch (event.kind) {
    case "CandleMissed": return `Not decided: ${event.refusal.reason}`;
    case "DecisionMade": return `Decided: ${event.decision.action}`;
    case "OrderPlaced": return `Order to ${event.order.purpose} ${event.order.side} placed`;
    case "OrderExpired": return `Order expired unfilled: ${event.refusal.reason}`;
    case "PositionOpened": return `Opened ${event.position.side} at ${price(event.position.entry_price)}`;
    case "PositionUpdated": return `Levels moved: stop ${price(event.position.stop_price)}, target ${price(event.position.target_price)}`;
    case "PositionClosed": return `Closed at ${price(event.trade.exit_price)} by ${event.trade.exit_reason}: ${money(event.trade.realized_pnl_quote, quoteOf(event.trade.symbol), true)}`;
    case "LessonLearned": return `Learned: ${event.experience.lesson}`;
    case "RuleFormed": return `Rule: ${event.rule.text}`;
    case "Reflected": return `Reflected on ${event.trades} closed trades`;
    case "PostMortemWritten": return `Looked at again: ${event.post_mortem.verdict}. ${event.post_mortem.lesson}`;
    case "EntryRefused": return `Refused: what comes of it is watched`;
    case "RefusalJudged": return `Refused, and it would have come to ${ratio(event.refused.return_ratio, 2, true)} by ${event.refused.end}`;
    case "EquityMarked": return `Equity marked ${money(event.point.equity_quote)}`;
    default: return ""; // what passes is of no decision's story
  }
}
