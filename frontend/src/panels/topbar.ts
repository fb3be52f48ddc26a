/** Who we are, that it is paper, whether we hear the market, and what can be done about it. */
import { html, nothing, type TemplateResult } from "lit";
import type { Link } from "../feed";
import { untilNextCandle } from "../figures";
import { clock, duration, fixed, instant } from "../format";
import type { State } from "../state";

export interface Notice {
  readonly tone: "up" | "down" | "flat";
  readonly text: string;
  readonly href?: string;
}

/** Whoever is signed in, where one must, or with `signIn` whoever looks at what everybody may see. `forbidden`: why they
 * may not ask for an analysis. */
export interface Visitor {
  readonly email: string | null;
  readonly forbidden: string | null;
  readonly signOut: (() => void) | null;
  readonly signIn: (() => void) | null;
}

export const THEMES = ["dark", "light", "system"] as const;
export type ThemeChoice = (typeof THEMES)[number];

export interface TopbarProps {
  state: State | null;
  link: Link;
  symbol: string;
  theme: "dark" | "light";
  chosenTheme: ThemeChoice;
  notice: Notice | null;
  asking: boolean;
  visitor: Visitor | null;
  toggleTheme(): void;
  analyse(): void;
  forbid(reason: string): void;
  dismiss(): void;
  find(): void;
}

export const LOGO = html`<svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true"><path d="M3 20.500h5.200l3.100-9 5 14 4-16.500 2.400 11.500H29" fill="none" stroke="var(--accent)" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

const LINKS: Readonly<Record<Link["status"], readonly [string, string]>> = {
  connecting: ["Connecting", "flat"], live: ["Live", "up"], silent: ["Silent", "down"], lost: ["Disconnected", "down"],
};

/** Without a socket: the newest prices are those of the last decisions. */
const ONCE = ["Once a minute", "flat"] as const;

export function topbar(props: TopbarProps): TemplateResult {
  const { state, link, theme, notice, visitor } = props;
  const [said, tone] = visitor?.signIn && link.status === "live" ? ONCE : LINKS[link.status];
  return html`<header class="topbar">
    <a class="brand" href="#/" aria-label="Semantic Signal, overview">
      ${LOGO}<span>Semantic Signal</span>
    </a>
    <p class="badge" title="Simulated orders and money only. Nothing here reaches an exchange.">
      <strong>PAPER</strong><span>${state ? market(state) : "trading"}</span>
    </p>
    <p class="link ${tone}" role="status" data-test="link"><span class="dot" aria-hidden="true"></span>${said}</p>
    ${times(state)}
    <div class="actions">
      ${visitor?.signIn ? html`<span class="public" data-test="public">Public view: prompts are not shown</span>` : analyseButton(props)}
      <button type="button" class="icon" data-test="find" aria-label="Find anything (Ctrl K)" title="Find anything: pages, pairs, panels (Ctrl K)" @click=${props.find}>
        <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><path d="M9 3.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11zM13 13l4 4" fill="none" stroke="currentColor" stroke-width="1.600" stroke-linecap="round"/></svg>
      </button>
      ${themeButton(theme, props.toggleTheme, props.chosenTheme)}
      ${visitor?.signIn ? html`<button type="button" class="primary" data-test="sign-in" @click=${visitor.signIn}>Sign in</button>` : nothing}
      ${visitor?.signOut ? signOutButton(visitor.email, visitor.signOut) : nothing}
    </div>
    <div class="notice-place" role="status">${notice ? noticeCard(notice, props.dismiss) : nothing}</div>
  </header>`;
}

/** Forbidden, it still takes the focus and answers with the reason: a dead button tells nobody anything. */
function analyseButton({ symbol, asking, visitor, analyse, forbid }: TopbarProps): TemplateResult {
  const forbidden = visitor?.forbidden ?? null;
  const click = forbidden === null ? (asking ? null : analyse) : () => forbid(forbidden);
  return html`<button type="button" class="primary ${forbidden ? "forbidden" : ""}" data-test="analyse" ?disabled=${!symbol} title=${forbidden ?? nothing}
    aria-disabled=${asking || forbidden ? "true" : "false"} @click=${click}>
    ${asking ? "Asking…" : html`Analyse<span class="wide"> ${symbol}</span> now`}
  </button>`;
}

export function themeButton(theme: "dark" | "light", toggle: () => void, chosen: ThemeChoice = theme): TemplateResult {
  const words = `Switch the theme, now ${chosen === "system" ? `${theme}, as the system has it` : chosen}`;
  return html`<button type="button" class="icon" data-test="theme" aria-label=${words} title=${words} @click=${toggle}>
    <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.600"/><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor"/></svg>
  </button>`;
}

function signOutButton(email: string | null, signOut: () => void): TemplateResult {
  const words = email ? `Sign out ${email}` : "Sign out";
  return html`<button type="button" class="icon" data-test="sign-out" aria-label=${words} title=${words} @click=${signOut}>
    <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><path d="M8 3H3.500v14H8M12.500 6l4 4-4 4M16 10H7.500" fill="none" stroke="currentColor" stroke-width="1.600" stroke-linecap="round" stroke-linejoin="round"/></svg>
  </button>`;
}

function noticeCard(notice: Notice, dismiss: () => void): TemplateResult {
  return html`<p class="notice ${notice.tone}"><span>${notice.text}</span>
    ${notice.href ? html`<a href=${notice.href} @click=${dismiss}>Why</a>` : nothing}
    <button type="button" class="icon" aria-label="Dismiss this message" @click=${dismiss}>×</button></p>`;
}

function market({ health }: State): string {
  const pace = health.speed === 1 ? "" : ` ×${fixed(health.speed, health.speed % 1 ? 1 : 0)}`;
  return health.is_simulated ? `simulated${pace}` : `live market${pace}`;
}

function times(state: State | null): TemplateResult {
  const left = state && untilNextCandle(state);
  const { speed, timeframe } = state?.health ?? { speed: 1, timeframe: "" };
  const at = state?.at ?? null;
  const really = left !== null && speed > 1 ? ` (about ${duration(left / speed)} of ours at ×${fixed(speed, 0)})` : "";
  return html`<dl class="times">
    <div title="The market's clock: ${instant(at)}"><dt>Market</dt>
      <dd><span class="wide">${instant(at).slice(0, 10)} </span>${clock(at)} UTC</dd></div>
    <div title="Until the ${timeframe} candle now forming closes, by the market's clock${really}"><dt>Next ${timeframe} candle</dt>
      <dd>${duration(left)}</dd></div>
  </dl>`;
}
