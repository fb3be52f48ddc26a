/** The feed against a real server on loopback: cut it, bring it back, see what it asks for. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { api } from "../src/api";
import { Feed, backoff, type FeedOptions, type Link, type Socket } from "../src/feed";
import type { EventView } from "../src/shapes";
import { fromView, reduce, type State } from "../src/state";
import { AT, health, made, minute, stateView } from "./views";

/** A ledger that outlives the server in front of it. */
class House {
  ledger: EventView[] = [];
  asked: string[] = [];
  beforeEvents: () => void = () => undefined;
  #server: Server | null = null;
  #sockets: WebSocketServer | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async open(): Promise<void> {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", this.url);
      this.asked.push(decodeURIComponent(url.pathname + url.search));
      const answer = (status: number, body: unknown): void => {
        response.writeHead(status, { "content-type": "application/json", connection: "close" });
        response.end(JSON.stringify(body));
      };
      if (url.pathname === "/api/state") {
        const decisions = this.ledger.flatMap((event) => (event.kind === "DecisionMade" ? [event.decision] : [])).reverse();
        return answer(200, stateView({ decisions, last_event_id: this.ledger.at(-1)?.id ?? null }));
      }
      if (url.pathname === "/api/health") return answer(200, health());
      if (url.pathname === "/api/statistics") return answer(200, { equity_quote: "10010.5" });
      if (url.pathname === "/api/position") return answer(200, { positions: [], orders: [] });
      this.beforeEvents();
      const after = url.searchParams.get("after");
      const place = after === null ? 0 : this.ledger.findIndex(({ id }) => id === after) + 1;
      if (after !== null && !place) return answer(404, { type: "about:blank", title: "Unknown event", status: 404, detail: after });
      answer(200, { events: this.ledger.slice(place, place + Number(url.searchParams.get("limit"))) });
    });
    this.#sockets = new WebSocketServer({ server: this.#server, path: "/ws" });
    await new Promise<void>((listening) => this.#server!.listen(this.#port, "127.0.0.1", listening));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** As when the process is killed: every connection is reset, none is taken. */
  async cut(): Promise<void> {
    const [server, sockets] = [this.#server, this.#sockets];
    this.#server = this.#sockets = null;
    for (const client of sockets?.clients ?? []) client.terminate();
    sockets?.close();
    server?.closeAllConnections();
    if (server) await new Promise((closed) => server.close(closed));
  }

  tell(event: EventView): void {
    for (const client of this.#sockets?.clients ?? []) client.send(JSON.stringify(event));
  }

  write(seq: number, tell = true): void {
    const event = made(seq);
    this.ledger.push(event);
    if (tell) this.tell(event);
  }

  get listeners(): number {
    return this.#sockets?.clients.size ?? 0;
  }
}

const running: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

async function watch(house: House, change: Partial<FeedOptions> = {}) {
  const page = { state: null as State | null, links: [] as Link["status"][], snapshots: 0, told: [] as EventView[] };
  const feed = new Feed(
    api(house.url),
    {
      snapshot: (view) => {
        page.snapshots += 1;
        page.state = fromView(view);
      },
      events: (events) => {
        page.told.push(...events);
        if (page.state) page.state = events.reduce(reduce, page.state);
      },
      link: ({ status }) => page.links.push(status),
    },
    { open: () => new WebSocket(`${house.url.replace("http", "ws")}/ws`) as unknown as Socket, firstWaitMs: 20, longestWaitMs: 200, ...change },
  );
  const done = feed.run();
  running.unshift(async () => {
    feed.stop();
    await done;
  });
  return page;
}

async function opened(seqs: number[] = []): Promise<House> {
  const house = new House();
  seqs.forEach((seq) => house.write(seq));
  await house.open();
  running.push(() => house.cut());
  return house;
}

const until = (holds: () => unknown): Promise<void> => expect.poll(() => Boolean(holds()), { timeout: 5000, interval: 10 }).toBe(true);
const seqs = (page: { state: State | null }): number[] => (page.state?.decisions ?? []).map(({ seq }) => seq).reverse();

describe("the feed", () => {
  test("starts with the state and then asks for what came between it and the socket", async () => {
    const house = await opened([1, 2]);
    let late = false;
    house.beforeEvents = () => {
      if (!late) house.write(3, false);
      late = true;
    };

    const page = await watch(house);
    await until(() => page.links.includes("live"));

    expect(seqs(page)).toEqual([1, 2, 3]);
    expect(house.asked).toEqual(["/api/state", "/api/events?after=DecisionMade:d2&limit=1000"]);
  });

  test("what the socket tells while the gap is being asked for is kept, in order and once", async () => {
    const house = await opened([1]);
    house.beforeEvents = () => {
      house.beforeEvents = () => undefined;
      house.write(2);
      house.write(3);
    };

    const page = await watch(house);
    await until(() => seqs(page).length === 3);

    expect(page.told.map((event) => event.kind === "DecisionMade" && event.seq)).toEqual([2, 3]);
  });

  test("after a cut it comes back by itself, asks for what it missed, and nothing is doubled", async () => {
    const house = await opened([1]);
    const page = await watch(house, { pageLimit: 2 });
    await until(() => page.links.at(-1) === "live");
    house.write(2);
    await until(() => seqs(page).length === 2);

    await house.cut();
    await until(() => page.links.at(-1) === "lost");
    for (const seq of [3, 4, 5, 6, 7]) house.write(seq);
    house.asked = [];
    await new Promise((resolve) => setTimeout(resolve, 700));
    await house.open();
    await until(() => page.links.at(-1) === "live");
    house.tell(made(7));
    house.write(8);
    await until(() => seqs(page).at(-1) === 8);

    expect(seqs(page)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(page.told).toHaveLength(7);
    expect(page.snapshots).toBe(1);
    expect(house.asked).toEqual([2, 4, 6, 7].map((seq) => `/api/events?after=DecisionMade:d${seq}&limit=2`));
  });

  test("a server that no longer knows our last event is asked for its whole state", async () => {
    const house = await opened([1, 2, 3]);
    const page = await watch(house);
    await until(() => page.links.at(-1) === "live");

    await house.cut();
    house.ledger = [{ ...made(1), id: "DecisionMade:other" } as EventView];
    await house.open();
    await until(() => page.snapshots === 2 && page.links.at(-1) === "live");
    house.write(2);
    await until(() => seqs(page).length === 2);

    expect(seqs(page)).toEqual([1, 2]);
  });

  test("a hole in the sequence is asked for at once", async () => {
    const house = await opened([1]);
    const page = await watch(house);
    await until(() => page.links.at(-1) === "live");
    house.write(2);

    house.write(3, false);
    house.write(4);
    await until(() => seqs(page).at(-1) === 4);

    expect(seqs(page)).toEqual([1, 2, 3, 4]);
  });

  test("a page opened before the server is up fills when it comes", async () => {
    const house = await opened([1]);
    await house.cut();
    const page = await watch(house);
    await until(() => page.links.includes("lost"));

    await house.open();
    await until(() => page.links.at(-1) === "live");

    expect(seqs(page)).toEqual([1]);
  });

  test("a socket that stands but is silent is told of, and after longer silence taken anew", async () => {
    const house = await opened([1]);
    const page = await watch(house, { silentAfterMs: 80, giveUpSocketAfterMs: 400 });
    await until(() => page.links.includes("silent"));

    house.tell(minute(AT, "61000"));
    await until(() => page.links.at(-1) === "live");
    await until(() => page.links.includes("lost"));
    await until(() => page.links.at(-1) === "live" && house.listeners === 1);

    expect(page.state?.prices["BTC/USDC"]).toBe("61000");
  });

  test("what passes is told at once, numbers or not, and what belongs to nobody is not", async () => {
    const house = await opened([1]);
    const page = await watch(house);
    await until(() => page.links.at(-1) === "live");

    house.tell({ kind: "AnalysisStepped", id: "d2", at: AT, symbol: "BTC/USDC", step: "deciding", is_forced: true, problem: null });
    house.tell({ message: "Forbidden" } as unknown as EventView);
    house.tell({ kind: "NewsGathered", id: "n1", at: AT });
    await until(() => page.told.length === 2);

    expect(page.told.map(({ kind }) => kind)).toEqual(["AnalysisStepped", "NewsGathered"]);
    expect(house.asked).toHaveLength(2);
  });

  test("where there is no socket the page looks by and by, and each look is a minute", async () => {
    const house = await opened([1]);
    const page = await watch(house, { open: null, lookEveryMs: 30 });
    await until(() => page.links.at(-1) === "live");
    house.write(2);

    await until(() => seqs(page).length === 2);
    expect(page.state?.equity_quote).toBe("10010.5");
    expect(house.listeners).toBe(0);
  });

  test("waits grow, vary, and never exceed five seconds", () => {
    const waits = Array.from({ length: 200 }, (_, failures) => backoff(failures, { firstWaitMs: 400, longestWaitMs: 5000 }));

    expect(Math.max(...waits)).toBeLessThanOrEqual(5000);
    expect(Math.min(...waits.slice(0, 1))).toBeLessThanOrEqual(400);
    expect(new Set(waits).size).toBeGreaterThan(150);
  });
});
