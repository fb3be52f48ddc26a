/** What stands before the figures where one must sign in to see them, or where the page does not know its server. */
import { html, nothing, type TemplateResult } from "lit";
import { LOGO, themeButton } from "./topbar";

/** `said`: what went wrong, if anything. Without `signIn` there is no way in until it is mended. */
export interface Gate {
  readonly said: string | null;
  readonly signIn: (() => void) | null;
}

export function gatePage({ said, signIn }: Gate, theme: "dark" | "light", toggleTheme: () => void): TemplateResult {
  return html`<main id="main" class="gate" tabindex="-1">
    <section class="panel gate-card" aria-labelledby="gate-title">
      <div class="row">${LOGO}<h1 id="gate-title">Semantic Signal</h1><span class="push">${themeButton(theme, toggleTheme)}</span></div>
      <p>When a candle closes it studies the crypto market, decides and says why, trades on paper, and remembers what came of it. This page shows all of that, live.</p>
      <p class="refusal"><strong>Educational, paper trading only.</strong> No real orders, and nothing here is advice.</p>
      ${said ? html`<p class="gate-said" role="alert">${said}</p>` : nothing}
      ${signIn ? html`<button type="button" class="primary" data-test="sign-in" @click=${signIn}>Sign in</button>
        <p class="muted"><small>There is no sign-up: whoever runs this deployment makes the accounts.</small></p>` : nothing}
    </section>
  </main>`;
}
