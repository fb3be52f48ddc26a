/** The page's questions. Nothing is ever answered from a cache: a stale figure must not look fresh. */
import type {
  BrainView, CalibrationView, ContextView, CostsView, CurveView, Decisions, EventView, Experiences, HealthView, HindsightView,
  IntervalsView, MarketView, MemoryView, NewsView, PositionView, PostMortemView, Problem, QueuedView, RefusedView, Seen,
  StateView, StatisticsView, VitalsView, WhyView, WorkedView,
} from "./shapes";

/** What the server said was wrong (RFC 9457), or that it did not answer. */
export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

/** Why it was not answered, for people. */
export function because(error: unknown): string {
  return error instanceof ApiError ? error.message : "The server did not answer.";
}

/** What opens the API to whoever is signed in; each raises when nobody is any more. */
export interface Pass {
  token(): Promise<string>;
  /** Another token than the one that was refused. */
  renew(refused: string): Promise<string>;
  /** The new one was refused as well. */
  lost(): void;
}

/** Admits one socket, soon and once. */
export interface Ticket {
  readonly ticket: string;
  readonly expires_at: string;
}

/** Of all decisions those that are all of this; null: whatever it is. */
export interface AskedDecisions {
  readonly before: string | null;
  readonly symbol: string | null;
  readonly action: string | null;
  readonly words: string | null;
}

/** Of everything lived; `like`: a pair or a decision that it is held against. */
export interface AskedMemories {
  readonly query: string | null;
  readonly like: string | null;
  readonly sort: string;
  readonly order: "asc" | "desc";
  readonly side: string | null;
  readonly outcome: string | null;
  readonly since: string | null;
  readonly until: string | null;
  readonly offset: number;
  readonly limit: number;
}

export interface Api {
  state(): Promise<StateView>;
  health(): Promise<HealthView>;
  statistics(): Promise<StatisticsView>;
  events(after: string | null, limit: number): Promise<{ events: EventView[] }>;
  decisions(limit: number, asked?: AskedDecisions): Promise<Decisions>;
  memories(asked: AskedMemories): Promise<Experiences>;
  memory(id: string): Promise<MemoryView>;
  /** Without a timeframe the one that is traded. */
  market(symbol: string, limit: number, timeframe?: string): Promise<MarketView>;
  intervals(): Promise<IntervalsView>;
  curve(points: number): Promise<CurveView>;
  calibration(): Promise<{ calibrations: CalibrationView[] }>;
  costs(): Promise<CostsView>;
  why(id: string): Promise<WhyView>;
  refusals(limit?: number): Promise<{ refusals: RefusedView[] }>;
  hindsights(limit: number): Promise<{ refusals: HindsightView[] }>;
  postMortems(limit: number): Promise<{ post_mortems: PostMortemView[] }>;
  vitals(): Promise<VitalsView>;
  news(): Promise<NewsView>;
  context(): Promise<ContextView>;
  snapshot(id: string): Promise<Seen>;
  worked(during: string | null, side: string | null): Promise<WorkedView>;
  /** Of one pair or of all; `decision`: one to be told of whatever it did. */
  brain(symbol: string | null, decision: string | null): Promise<BrainView>;
  analyse(symbol: string): Promise<QueuedView>;
  chart(id: string): Promise<Blob>;
  /** All of one decision as a file; a plain link could not say who asks. */
  exported(id: string): Promise<Blob>;
  ticket(): Promise<Ticket>;
  positions(): Promise<{ positions: PositionView[] }>;
}

/** The public door: no prompts, no replies, no costs, and nothing acts. */
export const PUBLIC = "/public";

const TIMEOUT_MS = 15_000;
const SEEN = 12;

/** Without a pass nobody is asked who they are: one's own machine, or with `PUBLIC` the part that is shown to everybody. */
export function api(base: string, pass: Pass | null = null, door = ""): Api {
  const send = (path: string, init: RequestInit, token?: string): Promise<Response> =>
    fetch(new URL(`${door}${path}`, base), {
      ...init, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { ...init.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    });
  /** A refused token is renewed once; refused again, nobody is signed in. */
  const admitted = async (path: string, init: RequestInit): Promise<Response> => {
    if (!pass) return send(path, init);
    const token = await pass.token();
    const response = await send(path, init, token);
    if (response.status !== 401) return response;
    const again = await send(path, init, await pass.renew(token));
    if (again.status === 401) pass.lost();
    return again;
  };
  const answered = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await admitted(path, init);
    if (!response.ok) throw new ApiError(await problem(response));
    return response;
  };
  const ask = async <T>(path: string, init?: RequestInit): Promise<T> => (await (await answered(path, init)).json()) as T;
  const query = (path: string, values: Record<string, string | number | null>): string => {
    const told = Object.entries(values).filter(([, value]) => value !== null);
    return `${path}?${new URLSearchParams(told.map(([name, value]) => [name, String(value)]))}`;
  };
  /** What a decision saw never changes, and three panels look at it: the last few are kept. */
  const seen = new Map<string, Promise<Seen>>();
  const snapshot = (id: string): Promise<Seen> => {
    const known = seen.get(id) ?? ask<Seen>(`/api/snapshots/${encodeURIComponent(id)}`);
    seen.delete(id);
    seen.set(id, known);
    if (seen.size > SEEN) seen.delete(seen.keys().next().value!);
    known.catch(() => seen.delete(id));
    return known;
  };
  return {
    state: () => ask("/api/state"),
    health: () => ask("/api/health"),
    statistics: () => ask("/api/statistics"),
    events: (after, limit) => ask(query("/api/events", { after, limit })),
    decisions: (limit, asked) => ask(query("/api/decisions", { limit, ...asked })),
    memories: (asked) => ask(query("/api/memory", { ...asked })),
    memory: (id) => ask(`/api/memory/${encodeURIComponent(id)}`),
    market: (symbol, limit, timeframe) => ask(query("/api/market", { symbol, limit, timeframe: timeframe ?? null })),
    intervals: () => ask("/api/intervals"),
    curve: (points) => ask(query("/api/curve", { points })),
    calibration: () => ask("/api/calibration"),
    costs: () => ask("/api/costs"),
    why: (id) => ask(`/api/decisions/${encodeURIComponent(id)}`),
    refusals: (limit = 100) => ask(query("/api/refusals", { limit })),
    hindsights: (limit) => ask(query("/api/hindsights", { limit })),
    postMortems: (limit) => ask(query("/api/post-mortems", { limit })),
    vitals: () => ask("/api/vitals"),
    news: () => ask("/api/news"),
    context: () => ask("/api/context"),
    snapshot,
    worked: (during, side) => ask(query("/api/worked", { during, side })),
    brain: (symbol, decision) => ask(query("/api/brain", { symbol, decision })),
    analyse: (symbol) =>
      ask("/api/analyses", {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ symbol }),
      }),
    chart: async (id) => (await answered(`/api/decisions/${encodeURIComponent(id)}/chart.png`)).blob(),
    exported: async (id) => (await answered(`/api/decisions/${encodeURIComponent(id)}/export.json`)).blob(),
    ticket: () => ask("/api/tickets", { method: "POST" }),
    positions: () => ask("/api/position"),
  };
}

async function problem(response: Response): Promise<Problem> {
  const { status, statusText } = response;
  const told: unknown = await response.json().catch(() => null);
  const said = typeof told === "object" && told !== null ? (told as Partial<Problem>) : {};
  const text = (value: unknown, or: string): string => (typeof value === "string" ? value : or);
  return { type: text(said.type, "about:blank"), title: text(said.title, statusText || `the server answered ${status}`), status, detail: text(said.detail, "") };
}
