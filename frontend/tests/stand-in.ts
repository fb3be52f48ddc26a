/** Stands in for a running instance: the built page under its real headers, the API's shapes over a past of any length, its socket.
 * It can be cut, silenced, refuse, come back, and come back with another past. On loopback only. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket as Stream } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync, gzipSync } from "node:zlib";
import { WebSocketServer, type WebSocket } from "ws";
import type {
  ArticleView, BrainView, CalibrationView, ContextView, CostsView, CurveView, DecisionView, Decisions, EventView, Experiences, FigureView, HealthView, HindsightView,
  IntervalsView, MarketView, MemoryView, NewsView, PostMortemView, Problem, QueuedView, RefusedView, Seen, SnapshotView, StateView, StatisticsView, TradeView,
  VitalsView, WhyView, WorkedView,
} from "../src/shapes";
import { History, NOW, SYMBOLS, iso, type Size } from "./history";
import { madeUp } from "./made-up";
import { brain, calibrations, came, costs, curve, hindsights, intervals, kept, postMortems, recalledBy, vitals } from "./told";

const HOME = fileURLToPath(new URL("../../", import.meta.url));
const DIST = join(HOME, "frontend", "dist");
const KINDS: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
  ".json": "application/json", ".png": "image/png",
};
const BEAT_MS = 1000;
const SQUEEZED_FROM = 1000;
const HOUR = 3_600_000;

/** Those that the API itself sends: told by who starts us, else asked of it. */
function headers(): Record<string, string> {
  const told = process.env["SEMSIG_HEADERS"]
    ?? execFileSync(join(HOME, ".venv", "bin", "python"), ["-c", "import json; from semanticsignal.drivers.api import HEADERS; print(json.dumps(HEADERS))"], { encoding: "utf8" });
  return JSON.parse(told) as Record<string, string>;
}

/** What a test changes about an answer before it leaves; null: it is refused so. */
export type Changed = (path: string, body: unknown) => unknown;

export class StandIn {
  history: History;
  /** `GET /api/state`, … in order, with the query. */
  asked: string[] = [];
  /** Connections that were turned away while it was down. */
  turnedAway = 0;
  changed: Changed = (_, body) => body;
  health: Partial<HealthView> = {};
  /** Status with which every question to the API is refused; null: none is. */
  refusing: Problem | null = null;
  readonly #headers = headers();
  readonly #files = new Map<string, Buffer>();
  #server: Server | null = null;
  #streams = new Set<Stream>();
  #sockets = new WebSocketServer({ noServer: true });
  #listeners = new Set<WebSocket>();
  #beat: ReturnType<typeof setInterval> | undefined;
  #port = 0;
  #down = false;
  #minute = 0;

  constructor(size: Partial<Size> = {}) {
    this.history = new History(size);
    if (!existsSync(join(DIST, "index.html"))) throw new Error("the dashboard is not built: make setup");
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async open(port = 0): Promise<this> {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("connection", (stream) => {
      if (this.#down) {
        this.turnedAway += 1;
        return void stream.resetAndDestroy();
      }
      this.#streams.add(stream);
      stream.on("close", () => this.#streams.delete(stream));
    });
    this.#server.on("upgrade", (request, stream, head) => {
      this.#sockets.handleUpgrade(request, stream, head, (socket) => {
        this.#listeners.add(socket);
        socket.on("close", () => this.#listeners.delete(socket));
        for (const step of this.history.stepping()) socket.send(JSON.stringify(this.changed("/ws", step)));
      });
    });
    await new Promise<void>((listening) => this.#server!.listen(port, "127.0.0.1", listening));
    this.#port = (this.#server.address() as AddressInfo).port;
    this.beat();
    return this;
  }

  async close(): Promise<void> {
    clearInterval(this.#beat);
    this.cut();
    await new Promise((closed) => this.#server?.close(closed));
  }

  /** The market's word once a second, the same each time unless `moves`. */
  beat(moves = false): void {
    clearInterval(this.#beat);
    this.#beat = setInterval(() => this.tell(this.minute(moves)), BEAT_MS);
  }

  quiet(): void {
    clearInterval(this.#beat);
  }

  minute(moves: boolean): EventView {
    if (moves) this.#minute += 1;
    return this.history.minute(this.#minute, moves ? (this.#minute % 20) / 1e4 : 0);
  }

  /** As when the process is killed: every connection is reset, none is taken. */
  cut(): void {
    this.#down = true;
    for (const stream of this.#streams) stream.resetAndDestroy();
    this.#listeners.clear();
  }

  /** The same address answers again, with what its past is by now. */
  restart(history?: History): void {
    if (history) this.history = history;
    this.#down = false;
  }

  /** The line stands, but nothing comes over it any more: as behind a cable that was pulled, or after a long sleep. */
  abandon(): void {
    this.#listeners.clear();
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  tell(...events: EventView[]): void {
    for (const event of events) {
      const text = JSON.stringify(this.changed("/ws", event));
      for (const listener of this.#listeners) listener.send(text);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let sent = "";
    for await (const chunk of request) sent += String(chunk);
    const url = new URL(request.url ?? "/", this.url);
    const squeeze = /\bgzip\b/.test(String(request.headers["accept-encoding"]));
    const say = (status: number, kind: string, body: Buffer, more: Record<string, string> = {}): void => {
      const told: Record<string, string> = { ...this.#headers, "content-type": kind, vary: "Accept-Encoding", ...more };
      const squeezed = squeeze && body.length >= SQUEEZED_FROM && !kind.startsWith("image/png");
      if (squeezed) told["content-encoding"] = "gzip";
      response.writeHead(status, told).end(request.method === "HEAD" ? undefined : squeezed ? this.#squeezed(url.pathname, body) : body);
    };
    const json = (status: number, body: unknown): void => say(status, status < 400 ? "application/json" : "application/problem+json", Buffer.from(JSON.stringify(body)));
    if (!url.pathname.startsWith("/api/")) return this.#file(url.pathname, say);
    this.asked.push(`${request.method} ${decodeURIComponent(url.pathname + url.search)}`);
    if (this.refusing) return json(this.refusing.status, this.changed(url.pathname, this.refusing));
    if (url.pathname.endsWith("/chart.png")) return say(200, "image/png", picture());
    const { status, body } = this.#told(request.method ?? "GET", url, sent);
    json(status, this.changed(url.pathname, body));
  }

  #squeezed(path: string, body: Buffer): Buffer {
    if (path.startsWith("/api/")) return gzipSync(body, { level: 1 });
    const known = this.#files.get(path) ?? gzipSync(body);
    this.#files.set(path, known);
    return known;
  }

  #file(path: string, say: (status: number, kind: string, body: Buffer, more?: Record<string, string>) => void): void {
    const file = join(DIST, normalize(path === "/" ? "/index.html" : path));
    if (!file.startsWith(DIST) || !existsSync(file) || !extname(file)) return say(404, "application/problem+json", Buffer.from(JSON.stringify(missing("Not Found"))));
    say(200, KINDS[extname(file)] ?? "application/octet-stream", readFileSync(file), path.startsWith("/assets/") ? { "cache-control": "public, max-age=31536000, immutable" } : {});
  }

  #told(method: string, url: URL, sent: string): { status: number; body: unknown } {
    const { history } = this;
    const told = (name: string): string => url.searchParams.get(name) ?? "";
    const limit = (or: number): number => Number(told("limit") || or);
    const ok = <T>(body: T): { status: number; body: T } => ({ status: 200, body });
    const none = (what: string): { status: number; body: Problem } => ({ status: 404, body: missing(`no such ${what}`) });
    switch (`${method} ${url.pathname}`) {
      case "GET /api/state": return ok(this.state());
      case "GET /api/health": return ok<HealthView>(history.health(this.health));
      case "GET /api/statistics": return ok<StatisticsView>(history.statistics());
      case "GET /api/position": return ok({ positions: history.positions(), orders: history.orders() });
      case "GET /api/events": {
        const events = history.after(told("after") || null, limit(1000));
        return events ? ok<{ events: EventView[] }>({ events }) : none("event");
      }
      case "GET /api/decisions": return this.#decisions(url.searchParams, limit(100));
      case "GET /api/trades": return ok<{ trades: TradeView[] }>({ trades: history.trades.slice(0, limit(100)) });
      case "GET /api/equity": return ok({ equity: history.equity.slice(-limit(1000)).reverse() });
      case "GET /api/rules": return ok({ rules: history.rules.slice(0, limit(100)) });
      case "GET /api/memory": return ok<Experiences>(this.#memory(url.searchParams, limit(100)));
      case "GET /api/refusals": return ok<{ refusals: RefusedView[] }>({ refusals: history.refusals(limit(100)) });
      case "GET /api/hindsights": return ok<{ refusals: HindsightView[] }>({ refusals: hindsights(history, limit(100)) });
      case "GET /api/post-mortems": return ok<{ post_mortems: PostMortemView[] }>({ post_mortems: postMortems(history, limit(100)) });
      case "GET /api/costs": return ok<CostsView>(costs(history));
      case "GET /api/vitals": return ok<VitalsView>(vitals(history));
      case "GET /api/intervals": return ok<IntervalsView>(intervals(history));
      case "GET /api/curve": return ok<CurveView>(curve(history, Number(told("points") || 1000)));
      case "GET /api/calibration": return ok<{ calibrations: CalibrationView[] }>({ calibrations: calibrations() });
      case "GET /api/brain": return ok<BrainView>(brain(history, told("symbol"), told("decision")));
      case "GET /api/market": return ok(this.#market(told("symbol") || SYMBOLS[0], limit(300), told("timeframe") || "4h"));
      case "GET /api/news": return ok<NewsView>(news());
      case "GET /api/context": return ok<ContextView>(context());
      case "GET /api/worked": return ok<WorkedView>(worked());
      case "POST /api/analyses": {
        const { symbol } = JSON.parse(sent) as { symbol: string };
        return { status: 202, body: { id: "analysis", symbol, waits: false } satisfies QueuedView };
      }
    }
    const [, kind, id] = /^\/api\/(decisions|snapshots|memory)\/([^/]+)$/.exec(url.pathname) ?? [];
    const named = decodeURIComponent(id ?? "");
    if (kind === "memory") {
      const experience = history.experiences.find((lived) => lived.id === named);
      return experience ? ok<MemoryView>({ experience, recalled_by: recalledBy(history, named) }) : none("experience");
    }
    if (kind) {
      const made = history.decisions.find((decision) => decision.id === named);
      if (!made) return none("decision");
      return kind === "decisions" ? ok<WhyView>(this.#why(made)) : ok<Seen>({ decision_id: made.id, snapshot: snapshot(made), conditions: CONDITIONS });
    }
    return madeUp(method, url.pathname) ?? none("page");
  }

  state(): StateView {
    const { history } = this;
    return {
      health: history.health(this.health), statistics: history.statistics(), positions: history.positions(), orders: history.orders(), ...history.started(),
      equity: history.drawn(), rules: history.rules, last_event_id: history.ledger.at(-1)?.id ?? null,
    };
  }

  #decisions(asked: URLSearchParams, limit: number): { status: number; body: Decisions | Problem } {
    const told = (name: string): string => asked.get(name) ?? "";
    const all = this.history.decisions;
    const edge = told("before") ? all.findIndex(({ id }) => id === told("before")) : -1;
    if (told("before") && edge < 0) return { status: 404, body: missing(`no such decision, was ${told("before")}`) };
    const words = told("words").toLowerCase().split(/\s+/);
    const isOf = (made: DecisionView, action: string): boolean =>
      action === "acted" ? made.action !== "HOLD" : action === "refused" ? made.refusals.length > 0 : action === "forced" ? made.is_forced : made.action === action;
    const older = all.slice(edge + 1).filter((made) => (!told("symbol") || made.symbol === told("symbol")) && (!told("action") || isOf(made, told("action")))
      && words.every((word) => made.reasoning.toLowerCase().includes(word)));
    const decisions = older.slice(0, limit);
    const last = decisions.at(-1);
    return { status: 200, body: { decisions, next: older.length > limit ? (last?.id ?? null) : null, searched_until: last?.closed_at ?? null } };
  }

  #memory(asked: URLSearchParams, limit: number): Experiences {
    const told = (name: string): string => asked.get(name) ?? "";
    const time = (name: string, or: number): number => (told(name) ? Date.parse(told(name)) : or);
    const words = told("query").toLowerCase();
    const found = this.history.experiences.filter((lived) =>
      (!words || `${lived.lesson} ${lived.regime}`.toLowerCase().includes(words)) && (!told("side") || lived.side === told("side"))
      && (!told("outcome") || lived.is_win === (told("outcome") === "won")) && Date.parse(lived.closed_at) >= time("since", -Infinity) && Date.parse(lived.closed_at) <= time("until", Infinity));
    const alike = told("like") ? found.map((lived, place) => ({ ...lived, similarity_ratio: 0.97 - (place % 60) / 100 })) : found;
    const key = KEYS[told("sort")] ?? (({ closed_at }) => Date.parse(closed_at));
    const way = told("order") === "asc" ? 1 : -1;
    const sorted = [...alike].sort((one, other) => (key(one) < key(other) ? -way : key(one) > key(other) ? way : 0));
    const offset = Number(told("offset") || 0);
    const like = this.history.decisions.find(({ symbol, id }) => symbol === told("like") || id === told("like"))?.id ?? null;
    return { experiences: sorted.slice(offset, offset + limit), total: sorted.length, until: told("until") || iso(Math.max(NOW, ...sorted.slice(0, 1).map(({ closed_at }) => Date.parse(closed_at)))), like };
  }

  #market(symbol: string, limit: number, timeframe: string): MarketView {
    return { id: symbol, symbol, timeframe, source: "simulated", is_simulated: true, as_of: iso(NOW), candles: this.history.candles(symbol, limit), forming: null, timeframes: ["4h", "1d"] };
  }

  #why(made: DecisionView): WhyView {
    const { history } = this;
    const reply = { action: made.wanted, confidence: made.confidence_ratio, reasoning: made.reasoning };
    return {
      decision: made, snapshot: kept(made, articles(2).map((one) => ({ ...one, score: 0.7 }))),
      system_prompt: "You judge one pair at one close.\n\nAnswer in JSON.", user_prompt: `# ${made.symbol}\n\nRSI 41.2, ADX 27.5, regime ${made.regime}.\n\n- Position: none`,
      reply: `The trend holds.\n\n\`\`\`json\n${JSON.stringify(reply, null, 2)}\n\`\`\``, prompt_sha256: "ab".repeat(32), reply_sha256: "ef".repeat(32), saw_chart: false, snapshot_sha256: "cd".repeat(32),
      recalled: history.experiences.slice(0, 3).map((lived, place) => ({ ...lived, similarity_ratio: 0.9 - place / 10 })), rules: history.rules.slice(0, 2),
      ...came(history, made),
      attempts: [{
        asked_at: made.decided_at, model: "analyst", provider: "local", fault: null, said: "", text: "", latency_s: 1.4, input_tokens: 5210, output_tokens: 240,
        thinking_tokens: 0, cost_usd: "0.0042",
      }],
      mismatches: [{ name: "rsi", stated: 45, computed: 41.2 }],
    };
  }
}

const CONDITIONS = [
  { name: "trend", word: "bull" }, { name: "adx", word: "strong" }, { name: "rsi", word: "neutral" }, { name: "macd", word: "rising" }, { name: "volatility", word: "high" },
  { name: "volume", word: "high" }, { name: "funding", word: "negative" },
];

const KEYS: Readonly<Record<string, (lived: Experiences["experiences"][number]) => number | string>> = {
  similarity: ({ similarity_ratio }) => similarity_ratio ?? 0, pnl: ({ return_ratio }) => return_ratio, r: ({ r_multiple }) => r_multiple ?? 0, confidence: ({ confidence_ratio }) => confidence_ratio,
  outcome: ({ is_win }) => Number(is_win), used: ({ used }) => used ?? 0, symbol: ({ symbol }) => symbol, side: ({ side }) => side, regime: ({ regime }) => regime,
  age: ({ closed_at }) => -Date.parse(closed_at), win_rate: ({ used_wins }) => used_wins ?? 0,
};

function missing(detail: string): Problem {
  return { type: "about:blank", title: "Not Found", status: 404, detail };
}

const TITLES = [
  "Bitcoin climbs as exchanges report the lowest reserves in years", "Ether follows as funding turns negative", "Solana validators agree on a larger block",
  "A regulator asks for comments on how stablecoins are held", "Miners sell less than in any week since the halving",
];

function articles(count: number): ArticleView[] {
  return Array.from({ length: count }, (_, place) => ({
    id: `article-${place}`, source: place % 2 ? "coindesk" : "decrypt", title: `${TITLES[place % TITLES.length]}${place < TITLES.length ? "" : `, part ${place}`}`,
    text: "What happened, who said so, and what it may mean for the price, in two sentences.", url: `https://news.example/${place}`,
    published_at: iso(NOW - place * 0.4 * HOUR - 60_000), seen_at: iso(NOW - place * 0.4 * HOUR),
  }));
}

function news(): NewsView {
  return { gathered_at: iso(NOW - HOUR / 6), articles: articles(24), silent: [{ name: "rss", why: "no answer in 20 s" }] };
}

function figures(): FigureView[] {
  const one = (name: string, unit: string, value: string): FigureView =>
    ({ name, unit, value, source: "coingecko", true_at: iso(NOW - HOUR / 4), stale_at: iso(NOW + HOUR), history: [] });
  const fear = one("fear_greed", "points", "54");
  return [
    { ...fear, history: [20, 31, 44, 38, 47, 51, 54].map((points, day) => ({ at: iso(NOW - (6 - day) * 24 * HOUR), value: String(points) })) },
    one("market_cap", "usd", "3214567890123"), one("volume_24h", "usd", "98765432109.5"), one("market_cap_change_24h", "ratio", "-0.0213"),
    one("btc_dominance", "ratio", "0.5631"), one("tvl", "usd", "123456789012"), one("fees_24h", "usd", "54321098"),
  ];
}

function context(): ContextView {
  return { gathered_at: iso(NOW - HOUR / 4), readings: figures(), silent: [{ name: "defillama dex_volume_24h", why: "answered 500" }] };
}

function worked(): WorkedView {
  const group = (by: string, name: string, trades: number, wins: number): WorkedView["groups"][number] =>
    ({ by, name, trades, wins, mean_r: 0.2, mean_return_ratio: 0.004, win_low: Math.max(0, wins / trades - 0.18), win_high: Math.min(1, wins / trades + 0.18) });
  return {
    since: null, until: iso(NOW), trades: 40,
    groups: [group("all", "all", 40, 22), group("side", "long", 27, 16), group("side", "short", 13, 6), group("regime", "bull trending", 18, 12), group("adx", "high", 15, 9),
      // As many as a real past has.
      ...["adx", "volatility", "rsi", "weekend", "sentiment", "confidence", "exit"].flatMap((by) => ["low", "medium"].map((name) => group(by, name, 12, 5))),
    ],
  };
}

function snapshot(made: DecisionView): SnapshotView {
  const at = made.closed_at;
  const mid = Number(made.price);
  return {
    id: made.id, symbol: made.symbol, timeframe: made.timeframe, source: "simulated", closed_at: at, seen_at: made.decided_at, is_simulated: true, is_disputed: false,
    completeness_ratio: 1, score_ratio: 0.83, flags: [], missing: [{ name: "open interest", why: "no answer in 20 s" }], readings: figures().slice(0, 2),
    news: articles(3).map((article, place) => ({ ...article, score: 7 - place })),
    book: {
      at, source: "simulated", mid_price: mid, spread_bps: 1.5, imbalance_change: 0.02, spread_change_bps: -0.1,
      depths: [5, 10, 20, 50].map((levels) => ({ levels, bids_quote: 240_000 * levels, asks_quote: 180_000 * levels, imbalance_ratio: 0.14 })),
      liquidity: [{ bps: 10, bids_quote: 1.2e6, asks_quote: 0.9e6, is_whole: true }, { bps: 25, bids_quote: 4.1e6, asks_quote: 5.2e6, is_whole: false }],
      walls: [{ is_bid: true, price: mid * 0.99, quote: 5.4e6, distance_bps: 100, share_ratio: 0.31 }],
    },
    flow: { at, source: "simulated", trades: 500, buy_quote: 612_000, sell_quote: 420_000, span_s: 1800, buy_ratio: 0.593, per_minute: 16.7 },
    funding: { at, source: "simulated", perpetual: `${made.symbol}:USDC`, interval_s: 8 * 3600, rate_ratio: "-0.0000731", annualized_ratio: "-0.08" },
    interest: null, price: made.price, bars: 999, regime: { trend: "bull", phase: "trending", evidence: ["adx 27.5"] }, indicators: { rsi_14: 41.2, adx_14: 27.5, atr_rank_ratio: 0.71 },
  };
}

/** A picture as large as a chart, of one colour. */
function picture(width = 960, height = 540): Buffer {
  const part = (kind: string, data: Buffer): Buffer => {
    const [length, sum, body] = [Buffer.alloc(4), Buffer.alloc(4), Buffer.concat([Buffer.from(kind), data])];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 0], 8);
  const rows = Buffer.alloc((width + 1) * height, 60);
  for (let row = 0; row < height; row += 1) rows[row * (width + 1)] = 0;
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), part("IHDR", head), part("IDAT", deflateSync(rows)), part("IEND", Buffer.alloc(0))]);
}
