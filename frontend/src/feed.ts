/** Fetch the past, then listen. Reconnects for ever, asks for what it missed, and says when it hears nothing. */
import { ApiError, type Api } from "./api";
import type { EventView, PassingEvent, StateView, StoredEvent } from "./shapes";
import { elapsed } from "./stopwatch";

/** `silent`: the socket stands but nothing comes. `lost`: no socket. `heardAt`: `elapsed()` at the last word. */
export interface Link {
  readonly status: "connecting" | "live" | "silent" | "lost";
  readonly heardAt: number | null;
}

export interface Listener {
  /** The whole truth anew: at the start, and when the server no longer knows our last event. */
  snapshot(view: StateView): void;
  events(events: readonly EventView[]): void;
  link(link: Link): void;
}

/** As much of WebSocket as is used, so that tests may bring their own. */
export interface Socket {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(text: string): void;
  close(): void;
}

export interface FeedOptions {
  /** A socket on its way; it may first have to ask for a ticket. */
  readonly open: (() => Socket | Promise<Socket>) | null;
  /** Where there is no socket: how long until the page looks again. */
  readonly lookEveryMs?: number;
  readonly pageLimit?: number;
  readonly silentAfterMs?: number;
  readonly giveUpSocketAfterMs?: number;
  readonly firstWaitMs?: number;
  readonly longestWaitMs?: number;
  /** How long a socket may take to open. */
  readonly openWithinMs?: number;
  /** A word sent so often that nobody between takes the socket for idle; null: none. */
  readonly pingEveryMs?: number | null;
}

type Settled = Required<FeedOptions>;

const DEFAULTS = {
  pageLimit: 1000, silentAfterMs: 4000, giveUpSocketAfterMs: 12_000, firstWaitMs: 400, longestWaitMs: 3500,
  openWithinMs: 5000, pingEveryMs: null, lookEveryMs: 60_000,
} as const;

const PING = JSON.stringify({ kind: "Ping" });

export class Feed {
  readonly #api: Api;
  readonly #tell: Listener;
  readonly #options: Settled;
  #link: Link = { status: "connecting", heardAt: null };
  #stopped = false;
  #wake: (() => void) | null = null;
  #hangUp: (() => void) | null = null;
  #quietFrom = 0;
  #started = false;
  #lastId: string | null = null;
  #lastSeq = 0;
  /** Whether `#lastSeq` belongs to `#lastId`; a snapshot tells no number. */
  #exact = false;
  /** Stored events that came while what lies before them was being asked for. */
  #early: StoredEvent[] | null = null;

  constructor(api: Api, tell: Listener, options: FeedOptions) {
    this.#api = api;
    this.#tell = tell;
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Never rejects and ends only with `stop()`. */
  async run(): Promise<void> {
    const watch = setInterval(() => this.#listen(), Math.min(250, this.#options.silentAfterMs / 4));
    for (let failures = 0; !this.#stopped; failures += 1) {
      await this.#session().catch(() => undefined);
      this.#early = null;
      if (this.#stopped) break;
      if (this.#link.status !== "lost" && this.#started) failures = 0;
      this.#say("lost");
      await this.#sleep(backoff(failures, this.#options));
    }
    clearInterval(watch);
  }

  stop(): void {
    this.#stopped = true;
    this.#hangUp?.();
    this.#wake?.();
  }

  /** Try again now: the network is back, or somebody looks at the page again. */
  hurry(): void {
    this.#wake?.();
  }

  async #session(): Promise<void> {
    if (!this.#started) await this.#snapshot();
    if (!this.#options.open) return this.#look();
    // First what answers or refuses at once: browsers let sockets that failed often wait, and nobody says for how long.
    if (this.#link.status === "lost") await this.#catchUp();
    const { closed } = await this.#connect();
    await this.#catchUp();
    this.#say("live");
    await closed;
  }

  async #snapshot(): Promise<void> {
    const view = await this.#api.state();
    this.#lastId = view.last_event_id;
    this.#lastSeq = 0;
    this.#exact = false;
    this.#started = true;
    this.#link = { ...this.#link, heardAt: elapsed() };
    this.#tell.snapshot(view);
  }

  /** Without a socket: what came is asked for by and by, and a minute is made of it as the socket would have told it. */
  async #look(): Promise<void> {
    while (!this.#stopped) {
      await this.#catchUp();
      const [{ positions }, health, { equity_quote }] = await Promise.all([this.#api.positions(), this.#api.health(), this.#api.statistics()]);
      const { status, problem, history_done_ratio, next_candle_at, now } = health;
      const prices = positions.map(({ symbol, mark_price }) => ({ symbol, price: mark_price }));
      const pulse = { status, problem, history_done_ratio, next_candle_at, lag_s: null };
      this.#heard();
      this.#say("live");
      this.#tell.events([{ kind: "MinutePassed", id: `minute#${now}`, at: now, prices, positions, equity_quote, pulse }]);
      await this.#sleep(this.#options.lookEveryMs);
    }
  }

  /** Resolves when open (`closed` resolves when it no longer is); rejects when it does not open. */
  async #connect(): Promise<{ closed: Promise<void> }> {
    this.#early = [];
    this.#quietFrom = elapsed();
    const { open, openWithinMs, pingEveryMs } = this.#options;
    if (!open) throw new Error("there is no socket here");
    const socket = await open();
    return new Promise((opened, refused) => {
      let pings: ReturnType<typeof setInterval> | undefined;
      let end: () => void = () => undefined;
      const closed = new Promise<void>((resolve) => (end = resolve));
      const hangUp = (): void => {
        clearTimeout(patience);
        clearInterval(pings);
        this.#hangUp = null;
        socket.onmessage = socket.onclose = null;
        socket.close();
        refused(new Error("the socket did not open"));
        end();
      };
      const patience = setTimeout(hangUp, openWithinMs);
      this.#hangUp = hangUp;
      socket.onopen = () => {
        clearTimeout(patience);
        if (pingEveryMs !== null) pings = setInterval(() => socket.send(PING), pingEveryMs);
        this.#quietFrom = elapsed();
        opened({ closed });
      };
      socket.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(String(data));
      socket.onclose = hangUp;
      socket.onerror = () => undefined; // a close follows
      if (this.#stopped) hangUp();
    });
  }

  /** Pages of what was missed until one is not full; then whatever the socket brought meanwhile. */
  async #catchUp(): Promise<void> {
    this.#early ??= [];
    const { pageLimit } = this.#options;
    for (let forgotten = 0, full = true; full; ) {
      try {
        const { events } = await this.#api.events(this.#lastId, pageLimit);
        this.#take(events);
        full = events.length >= pageLimit;
      } catch (error) {
        // Another ledger than the one we knew: start anew.
        if (!(error instanceof ApiError && error.problem.status === 404) || forgotten++) throw error;
        await this.#snapshot();
      }
    }
    const early = this.#early;
    this.#early = null;
    this.#take(early);
  }

  #receive(text: string): void {
    this.#heard();
    const event = JSON.parse(text) as EventView;
    if (passes(event)) this.#tell.events([event]);
    else if (!event.seq) return; // A gateway's own word, of no event.
    else if (this.#early) this.#early.push(event);
    else if (this.#exact && event.seq > this.#lastSeq + 1) {
      this.#early = [event];
      void this.#catchUp().catch(() => this.#hangUp?.());
    } else this.#take([event]);
  }

  #take(events: readonly EventView[]): void {
    const fresh: EventView[] = [];
    for (const event of events) {
      if (passes(event) || event.seq <= this.#lastSeq) continue;
      this.#lastSeq = event.seq;
      this.#lastId = event.id;
      this.#exact = true;
      fresh.push(event);
    }
    if (fresh.length) this.#tell.events(fresh);
  }

  #heard(): void {
    this.#quietFrom = elapsed();
    this.#link = { ...this.#link, heardAt: this.#quietFrom };
    if (this.#link.status === "silent") this.#say("live");
  }

  #say(status: Link["status"]): void {
    this.#link = { ...this.#link, status };
    this.#tell.link(this.#link);
  }

  /** Nothing heard for a while: say so; for longer: the line is dead, take a new one. */
  #listen(): void {
    if (!this.#hangUp) return;
    const quiet = elapsed() - this.#quietFrom;
    if (quiet >= this.#options.giveUpSocketAfterMs) this.#hangUp();
    else if (quiet >= this.#options.silentAfterMs && this.#link.status === "live") this.#say("silent");
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}

/** Complete, or the compiler says so: every kind that has no number. */
const PASSING: Readonly<Record<PassingEvent["kind"], true>> = {
  MinutePassed: true, AnalysisStepped: true, NewsGathered: true, ContextGathered: true,
};

/** Told once to whoever listens, never kept: it can be missed, and nobody asks for it. */
export function passes(event: EventView): event is PassingEvent {
  return Object.hasOwn(PASSING, event.kind);
}

/** Doubles from the first wait, with up to half of it by chance, never above the longest. */
export function backoff(failures: number, { firstWaitMs, longestWaitMs }: Pick<Settled, "firstWaitMs" | "longestWaitMs">): number {
  const wait = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures, 16));
  return wait * (0.5 + Math.random() / 2);
}
