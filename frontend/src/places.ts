/** The pages and where their panels stand. Pure. */
import type { Fold } from "./panels/parts";

export const PANELS = {
  headline: "Headline", price: "Price", equity: "Equity", positions: "Open positions", last: "Last decision", steps: "Analysis",
  neural: "Neural state", decisions: "Decisions", refusals: "Refusals", postmortems: "Post-mortems", thoughts: "Thought stream",
  cortex: "Visual cortex", brain: "Brain", memory: "Memory", rules: "Rules", worked: "What worked", market: "Market", news: "News",
  statistics: "Statistics", calibration: "Calibration", trades: "Trades", costs: "Costs", health: "Health",
} as const;

export type PanelName = keyof typeof PANELS;

/** Side by side with its neighbours by its share of the width. */
export interface Column {
  readonly share: number;
  readonly panels: readonly PanelName[];
}

export type Row = readonly Column[];

export interface Page {
  readonly id: PageId;
  readonly name: string;
  /** What it answers, for the palette and the help sheet. */
  readonly says: string;
  readonly icon: string;
  readonly rows: readonly Row[];
  /** The order on a narrow screen, one below the other, where it is another than that of the rows. */
  readonly narrow?: readonly PanelName[];
}

export type PageId = "overview" | "decisions" | "mind" | "memory" | "market" | "results" | "health";

const alone = (...panels: PanelName[]): Row => [{ share: 1, panels }];

export const PAGES: readonly Page[] = [
  {
    id: "overview", name: "Overview", says: "Am I winning, what is open, what happens next, am I safe, and why",
    icon: "M3 10.500L10 4l7 6.500M5 9v7.500h10V9",
    rows: [alone("headline"), [{ share: 2.1, panels: ["price", "equity"] }, { share: 1, panels: ["positions", "steps", "last"] }]],
    narrow: ["headline", "positions", "steps", "price", "last", "equity"],
  },
  {
    id: "decisions", name: "Decisions", says: "Everything decided, what was refused, and what came of it",
    icon: "M4 5h12M4 10h12M4 15h7",
    rows: [[{ share: 1.35, panels: ["decisions"] }, { share: 1, panels: ["refusals", "postmortems"] }]],
  },
  {
    id: "mind", name: "Mind", says: "What the model was asked, saw and answered",
    icon: "M4 4.500h12v8.500h-7l-3.500 3v-3H4z",
    rows: [[{ share: 1.35, panels: ["thoughts"] }, { share: 1, panels: ["neural", "cortex"] }]],
  },
  {
    id: "memory", name: "Memory", says: "What was lived, and what was learned from it",
    icon: "M10 4v12M10 6.500a2.500 2.500 0 0 0-5-.500 3 3 0 0 0-1 5 2.800 2.800 0 0 0 3 4 2.500 2.500 0 0 0 3 .500M10 6.500a2.500 2.500 0 0 1 5-.500 3 3 0 0 1 1 5 2.800 2.800 0 0 1-3 4 2.500 2.500 0 0 1-3 .500",
    rows: [alone("brain"), alone("memory"), [{ share: 1, panels: ["rules"] }, { share: 1.3, panels: ["worked"] }]],
  },
  {
    id: "market", name: "Market", says: "What the whole market feels, and the press",
    icon: "M6 3v14M4 6h4v7H4zM14 3v14M12 8h4v6h-4z",
    rows: [[{ share: 1, panels: ["market"] }, { share: 1, panels: ["news"] }]],
  },
  {
    id: "results", name: "Results", says: "How much of it is luck, and what it cost",
    icon: "M4 16V9M8.500 16V5M13 16v-5M17 16V7",
    rows: [
      [{ share: 1.35, panels: ["statistics"] }, { share: 1, panels: ["calibration", "costs"] }],
      alone("trades"),
    ],
  },
  {
    id: "health", name: "Health", says: "Whether everything runs",
    icon: "M2.500 10.500h4L8.500 5l3.500 10 2-4.500h3.500",
    rows: [alone("health")],
  },
];

export const OVERVIEW = PAGES[0]!;

export function pageHref(id: PageId): string {
  return id === "overview" ? "#/" : `#/${id}`;
}

/** What an address asks for: a page, or one decision over whatever page is there. Anything else is the overview. */
export function asked(hash: string): { readonly page: Page } | { readonly decision: string } {
  const decision = /^#\/decision\/(.+)$/.exec(hash)?.[1];
  const id = decision === undefined ? null : decoded(decision);
  if (id !== null) return { decision: id };
  return { page: PAGES.find((page) => pageHref(page.id) === hash) ?? OVERVIEW };
}

/** What is told of these only to whoever is signed in. */
const INNER: ReadonlySet<PanelName> = new Set(["steps", "costs", "health"]);

export function rowsOf({ rows, narrow }: Page, isNarrow: boolean, isPublic = false): readonly Row[] {
  const standing = isNarrow && narrow ? [alone(...narrow)] : rows;
  if (!isPublic) return standing;
  const shown = standing.map((row) => row.map(({ share, panels }) => ({ share, panels: panels.filter((name) => !INNER.has(name)) })));
  return shown.map((row) => row.filter(({ panels }) => panels.length)).filter((row) => row.length);
}

/** A page of which everybody may see something, where nobody is signed in. */
export function pagesFor(isPublic: boolean): readonly Page[] {
  return PAGES.filter((page) => rowsOf(page, false, isPublic).length);
}

export function pageOf(panel: PanelName): Page {
  return PAGES.find(({ rows }) => rows.some((row) => row.some(({ panels }) => panels.includes(panel)))) ?? OVERVIEW;
}

/** In a column the lowest open panel takes the height that is left. */
export function growing(panels: readonly PanelName[], isClosed: (name: PanelName) => boolean): PanelName | null {
  return panels.findLast((name) => !isClosed(name)) ?? null;
}

/** Panels that stand closed, as they are kept: names with a space between. */
export function closedFrom(text: string | null): ReadonlySet<PanelName> {
  return new Set((text ?? "").split(" ").filter((name): name is PanelName => Object.hasOwn(PANELS, name)));
}

export function foldOf(name: PanelName, closed: ReadonlySet<PanelName>, full: PanelName | null): Fold {
  return full === name ? "full" : closed.has(name) ? "closed" : "open";
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
