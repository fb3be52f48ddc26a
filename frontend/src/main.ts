/** Start: learn where we are, let in whoever may look, fetch the past, open the socket, render. */
import "./styles/tokens.css";
import "./styles/layout.css";
import "./styles/panels.css";
import { PUBLIC, api } from "./api";
import { SemsigApp } from "./app";
import { ConfigError, config, type CloudConfig } from "./config";
import { Feed, backoff, type FeedOptions } from "./feed";

const RETRY = { firstWaitMs: 400, longestWaitMs: 5000 };
// API Gateway hangs up on ten minutes of silence, and its functions may have to wake up first.
const CLOUD = { pingEveryMs: 5 * 60_000, openWithinMs: 20_000 };

async function start(app: SemsigApp): Promise<void> {
  const cloud = await known(app);
  if (cloud === undefined) return;
  if (cloud) return enter(app, cloud);
  const socket = new URL("/ws", location.origin);
  socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  app.api = api(location.origin);
  listen(app, { open: () => new WebSocket(socket) });
}

/** Asks until the server answers; undefined when what it answers cannot be used. */
async function known(app: SemsigApp): Promise<CloudConfig | null | undefined> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await config(location.origin);
    } catch (error) {
      if (error instanceof ConfigError) {
        app.shut({ said: `This page cannot start. Its /config.json is wrong: ${error.message}.`, signIn: null });
        return undefined;
      }
      app.link({ status: "lost", heardAt: null });
      await new Promise((resolve) => setTimeout(resolve, backoff(failures, RETRY)));
    }
  }
}

async function enter(app: SemsigApp, { socket, signIn, isPublic, silentAfterMs, giveUpSocketAfterMs }: CloudConfig): Promise<void> {
  const { SignIn, SignedOut } = await import("./sign-in");
  const door = new SignIn(signIn, {
    storage: sessionStorage, here: () => new URL(location.href), go: (url) => location.assign(url),
    rewrite: (url) => history.replaceState(null, "", url),
  });
  const go = (): void => void door.start().catch((error: unknown) => shut(error instanceof Error ? error.message : String(error)));
  const shut = (said: string | null): void => app.shut({ said, signIn: go });
  try {
    const { email, groups } = await door.resume();
    const isAdmin = groups.includes("admin");
    app.visitor = { email, forbidden: isAdmin ? null : "Only people in the group “admin” may ask for an analysis.", signOut: () => void leave(), signIn: null };
  } catch (error) {
    if (isPublic && error instanceof SignedOut) return look(app, go);
    return shut(error instanceof SignedOut ? error.message || null : "The sign-in service did not answer. Try again.");
  }
  const told = (app.api = api(location.origin, door));
  const ticketed = async (): Promise<WebSocket> => new WebSocket(`${socket}?${new URLSearchParams({ ticket: (await told.ticket()).ticket })}`);
  const feed = listen(app, { open: ticketed, silentAfterMs, giveUpSocketAfterMs, ...CLOUD });
  door.onLost = (said) => {
    feed.stop();
    shut(said);
  };
  const leave = (): Promise<void> => {
    feed.stop();
    shut(null);
    return door.end();
  };
}

/** Nobody is signed in, and anybody may look: what is shown to everybody, asked for once a minute and without a socket. */
function look(app: SemsigApp, signIn: () => void): void {
  app.visitor = { email: null, forbidden: null, signOut: null, signIn };
  app.api = api(location.origin, null, PUBLIC);
  listen(app, { open: null });
}

function listen(app: SemsigApp, options: FeedOptions): Feed {
  const feed = new Feed(app.api, app, options);
  addEventListener("online", () => feed.hurry());
  document.addEventListener("visibilitychange", () => document.hidden || feed.hurry());
  void feed.run();
  return feed;
}

const app = document.querySelector("semsig-app");
if (app instanceof SemsigApp) void start(app);
