/** The page's questions. Nothing is ever answered from a cache: a stale figure must not look fresh. */
import type {
  DecisionView, EventView, HealthView, MarketView, Problem, QueuedView, RefusedView, StateView, StatisticsView, WhyView,
} from "./shapes";

/** What the server said was wrong (RFC 9457), or that it did not answer. */
export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

export interface Api {
  state(): Promise<StateView>;
  health(): Promise<HealthView>;
  statistics(): Promise<StatisticsView>;
  events(after: string | null, limit: number): Promise<{ events: EventView[] }>;
  market(symbol: string, limit: number): Promise<MarketView>;
  decisions(limit: number): Promise<{ decisions: DecisionView[] }>;
  why(id: string): Promise<WhyView>;
  refusals(): Promise<{ refusals: RefusedView[] }>;
  analyse(symbol: string): Promise<QueuedView>;
  chart(id: string): string;
}

const TIMEOUT_MS = 15_000;

export function api(base: string): Api {
  const ask = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const response = await fetch(new URL(path, base), {
      ...init, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new ApiError(await problem(response));
    return (await response.json()) as T;
  };
  const query = (path: string, values: Record<string, string | number | null>): string => {
    const told = Object.entries(values).filter(([, value]) => value !== null);
    return `${path}?${new URLSearchParams(told.map(([name, value]) => [name, String(value)]))}`;
  };
  return {
    state: () => ask("/api/state"),
    health: () => ask("/api/health"),
    statistics: () => ask("/api/statistics"),
    events: (after, limit) => ask(query("/api/events", { after, limit })),
    market: (symbol, limit) => ask(query("/api/market", { symbol, limit })),
    decisions: (limit) => ask(query("/api/decisions", { limit })),
    why: (id) => ask(`/api/decisions/${encodeURIComponent(id)}`),
    refusals: () => ask("/api/refusals"),
    analyse: (symbol) =>
      ask("/api/analyses", {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ symbol }),
      }),
    chart: (id) => `/api/decisions/${encodeURIComponent(id)}/chart.png`,
  };
}

async function problem(response: Response): Promise<Problem> {
  const { status, statusText } = response;
  const told: unknown = await response.json().catch(() => null);
  const said = typeof told === "object" && told !== null ? (told as Partial<Problem>) : {};
  const text = (value: unknown, or: string): string => (typeof value === "string" ? value : or);
  return { type: text(said.type, "about:blank"), title: text(said.title, statusText), status, detail: text(said.detail, "") };
}
