/** What decisions see beyond the bars: held beside the state, for it is asked for, not told. Pure. */
import type { ArticleView, ContextView, ExcerptView, FigureView, NewsView, SnapshotView } from "./shapes";
import type { State } from "./state";

export interface Surroundings {
  readonly news: NewsView | null;
  readonly context: ContextView | null;
  /** Of which decision `snapshot` is; null: none was asked for yet. */
  readonly decision: string | null;
  readonly snapshot: SnapshotView | null;
  /** What could not be asked, in words; the older answer stays. */
  readonly failed: Readonly<Partial<Record<Question, string>>>;
}

export type Question = "news" | "context" | "snapshot";

export type Answer =
  | { readonly of: "news"; readonly told: NewsView }
  | { readonly of: "context"; readonly told: ContextView }
  | { readonly of: "snapshot"; readonly decision: string; readonly told: SnapshotView | null }
  | { readonly of: "failure"; readonly question: Question; readonly why: string };

export const NOTHING: Surroundings = { news: null, context: null, decision: null, snapshot: null, failed: {} };

/** Why there is no newer answer to a question, as a sentence, and whether there is an older one. */
export function lapse(known: Surroundings, question: Question): { readonly title: string; readonly why: string } | null {
  const why = known.failed[question]?.trim();
  if (why === undefined) return null;
  const title = known[question] === null ? "Could not be asked." : "Could not be asked anew.";
  return { title, why: why.charAt(0).toUpperCase() + why.slice(1) };
}

/** An older answer that comes late does not take the place of a newer one. */
export function heard(known: Surroundings, answer: Answer): Surroundings {
  switch (answer.of) {
    case "failure": return { ...known, failed: { ...known.failed, [answer.question]: answer.why } };
    case "news": return { ...known, failed: without(known, "news"), news: newer(known.news, answer.told) };
    case "context": return { ...known, failed: without(known, "context"), context: newer(known.context, answer.told) };
    case "snapshot": return { ...known, failed: without(known, "snapshot"), decision: answer.decision, snapshot: answer.told };
  }
}

function without({ failed }: Surroundings, question: Question): Surroundings["failed"] {
  const { [question]: _, ...others } = failed;
  return others;
}

function newer<T extends { gathered_at: string | null }>(known: T | null, told: T): T {
  const older = known?.gathered_at && told.gathered_at && Date.parse(told.gathered_at) < Date.parse(known.gathered_at);
  return older ? known : told;
}

/** Id of the last decision on that pair: the one of which the panels tell what it saw. */
export function lastOn(state: Pick<State, "decisions">, symbol: string): string | null {
  return state.decisions.find((made) => made.symbol === symbol)?.id ?? null;
}

/** The snapshot, if it is of that decision. */
export function seenBy(known: Surroundings, decision: string | null): SnapshotView | null {
  return decision !== null && known.decision === decision ? known.snapshot : null;
}

/** What the decision was shown, most to the point first, and the rest of the press as it came. */
export function parted(news: NewsView | null, seen: SnapshotView | null): { used: readonly ExcerptView[]; rest: readonly ArticleView[] } {
  const used = [...(seen?.news ?? [])].sort((one, other) => other.score - one.score);
  const ids = new Set(used.map(({ id }) => id));
  return { used, rest: (news?.articles ?? []).filter(({ id }) => !ids.has(id)) };
}

/** A figure that has become too old since it was told counts as absent, like one that already was. */
export function valueOf(figure: FigureView | undefined, at: string): string | null {
  return figure && Date.parse(at) < Date.parse(figure.stale_at) ? figure.value : null;
}

/** An address that a click may follow: of the web, without a name and password in it. */
export function safeHref(url: string | null): string | null {
  if (url === null || !/^https?:\/\//i.test(url) || !URL.canParse(url)) return null;
  const { href, username, password, protocol } = new URL(url);
  return (protocol === "https:" || protocol === "http:") && !username && !password ? href : null;
}
