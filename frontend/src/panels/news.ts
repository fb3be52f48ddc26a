/** The press: what the last decision was shown of it, and the rest. Every word is foreign: text, never markup. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { age, number, ratio, time } from "../format";
import type { ArticleView, ExcerptView } from "../shapes";
import type { State } from "../state";
import { lastOn, parted, safeHref, seenBy, type Surroundings } from "../surroundings";
import { empty, gaps, tools, whyHref, type Frame } from "./parts";
import { failed } from "./seen";

export interface NewsProps {
  state: State;
  around: Surroundings;
  symbol: string;
  shown: number;
  frame: Frame;
  show(count: number): void;
}

export function news({ state, around, symbol, shown, frame, show }: NewsProps): TemplateResult {
  const decision = lastOn(state, symbol);
  const { used, rest } = parted(around.news, seenBy(around, decision));
  const read = around.news?.gathered_at ?? null;
  const more = rest.length - shown;
  // With nothing to list it is as tall as its words, not as the panel beside it.
  const height = used.length || rest.length ? "" : "margin-bottom: auto";
  return html`<section class="panel news ${frame.fold}" data-panel="news" .style=${height} aria-labelledby="news-title">
    <div class="panel-head">
      <h2 id="news-title">News</h2><span class="count">${around.news?.articles.length ?? 0}</span>
      ${read ? html`<span class="muted sum">read ${age(read, state.at)}</span>` : nothing}
      ${tools("news", "News", frame)}
    </div>
    ${frame.fold === "closed" ? nothing : html`
      ${failed(around, "news")}
      ${used.length && decision ? html`<h3 class="part-title">Shown to the <a href=${whyHref(decision)}>last decision on ${symbol}</a></h3>
        <ul class="articles">${repeat(used, ({ id }) => id, (one) => article(one, state.at, one.score))}</ul>` : nothing}
      ${used.length && rest.length ? html`<h3 class="part-title">The rest, newest first</h3>` : nothing}
      <ul class="articles">${repeat(rest.slice(0, shown), ({ id }) => id, (one) => article(one, state.at))}</ul>
      ${used.length || rest.length ? nothing : none(state, around)}
      ${more > 0 ? html`<p class="more"><button type="button" @click=${() => show(shown + 10)}>Show ${Math.min(10, more)} more of ${rest.length}</button></p>` : nothing}
      ${gaps("Silent when it was read", around.news?.silent ?? [])}`}
  </section>`;
}

function none({ health }: State, { news, failed: silent }: Surroundings): TemplateResult {
  if (health.is_simulated) return empty("No news here", "No news is read in a simulated market: its prices follow no press.");
  if (!news) return html`<p class="empty">${silent.news === undefined ? "Loading the news…" : "Nothing is known of the press."}</p>`;
  return empty("No news yet", "The press is read each hour of a live market; what is older than the settings allow is dropped.");
}

function article(told: ArticleView | ExcerptView, at: string, score?: number): TemplateResult {
  const href = safeHref(told.url);
  const title = told.title || "Without a title";
  return html`<li class="article">
    <p class="title">${href === null ? html`<bdi>${title}</bdi>` : html`<a href=${href} rel="noopener noreferrer nofollow" target="_blank"><bdi>${title}</bdi></a>`}</p>
    ${told.text ? html`<p class="lead"><bdi>${told.text}</bdi></p>` : nothing}
    <p class="row from">
      <bdi>${told.source}</bdi><span title="Published, as it says: ${time(told.published_at)} UTC">first seen ${age(told.seen_at, at)}</span>
      ${score === undefined ? nothing : html`<span class="chip" title="How much it was taken to be about the pair">${relevance(score)}</span>`}
    </p>
  </li>`;
}

/** Scores that were kept before they had an end are told as they are. */
function relevance(score: number): string {
  return score >= 0 && score <= 1 ? `relevance ${ratio(score, 0)}` : `score ${number(score, 2)}, higher is more`;
}
