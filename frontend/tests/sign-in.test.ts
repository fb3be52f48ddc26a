/** Signing in, against a user pool and an API on loopback that speak as the real ones do. */
import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { api } from "../src/api";
import { Feed, type Link, type Socket } from "../src/feed";
import { SignIn, SignedOut } from "../src/sign-in";
import { Cloud, Tab } from "./cloud";
import { AT } from "./views";

const SITE = "https://d111111abcdef8.cloudfront.net/";

const running: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

async function opened(): Promise<Cloud> {
  const cloud = await new Cloud().open();
  running.push(() => cloud.close());
  return cloud;
}

/** Somebody who went to the hosted page, and came back. */
async function entered(cloud: Cloud, tab = new Tab(SITE)): Promise<{ door: SignIn; tab: Tab }> {
  await new SignIn(cloud.signIn, tab).start();
  tab.address = cloud.signedIn(tab.address);
  const door = new SignIn(cloud.signIn, tab);
  await door.resume();
  return { door, tab };
}

const sent = (page: URL | undefined, name: string): string => page?.searchParams.get(name) ?? "";
const until = (holds: () => unknown): Promise<void> => expect.poll(() => Boolean(holds()), { timeout: 5000, interval: 10 }).toBe(true);

describe("signing in", () => {
  test("asks for a code with the challenge of a verifier that stays in the tab", async () => {
    const cloud = await opened();
    const tab = new Tab(SITE);

    await new SignIn(cloud.signIn, tab).start();

    const page = tab.left[0];
    const { verifier, state, nonce } = JSON.parse([...tab.kept.values()][0] ?? "{}") as Record<string, string>;
    expect(page?.href.startsWith(`${cloud.url}/oauth2/authorize?`)).toBe(true);
    expect(Object.fromEntries(page?.searchParams ?? [])).toEqual({
      response_type: "code", client_id: cloud.clientId, redirect_uri: SITE, scope: "openid email", state, nonce,
      code_challenge: createHash("sha256").update(verifier ?? "").digest("base64url"), code_challenge_method: "S256",
    });
    expect(page?.href).not.toContain(verifier);
  });

  test("says who it is and which groups they are in", async () => {
    const cloud = await opened();
    cloud.groups = ["admin", "guests"];

    const { door } = await entered(cloud);

    expect(door.person).toEqual({ email: "ada@example.org", groups: ["admin", "guests"] });
  });

  test("leaves no code in the address, and comes back to where it left", async () => {
    const cloud = await opened();

    const { tab } = await entered(cloud, new Tab(`${SITE}#/decision/d7`));

    expect(tab.address.href).toBe(`${SITE}#/decision/d7`);
  });

  test("keeps the refresh token in the tab and the others nowhere", async () => {
    const cloud = await opened();

    const { door, tab } = await entered(cloud);

    expect([...tab.kept.keys()]).toEqual(["semsig-refresh-token"]);
    expect([...tab.kept.values()]).not.toContain(await door.token());
  });

  test("refuses a state that it did not send, and asks for no token", async () => {
    const cloud = await opened();
    const tab = new Tab(SITE);
    const door = new SignIn(cloud.signIn, tab);
    await door.start();
    const back = cloud.signedIn(tab.address);
    back.searchParams.set("state", "somebody-elses");
    tab.address = back;

    await expect(door.resume()).rejects.toThrow(/unexpected "state"/);

    expect(cloud.asked).toEqual([]);
    expect(tab.address.href).toBe(`${SITE}#/`);
  });

  test("refuses an answer to a question of another tab", async () => {
    const cloud = await opened();
    const other = new Tab(SITE);
    await new SignIn(cloud.signIn, other).start();
    const tab = new Tab(cloud.signedIn(other.address).href);

    await expect(new SignIn(cloud.signIn, tab).resume()).rejects.toThrow(/did not begin in this tab/);

    expect(cloud.asked).toEqual([]);
  });

  test("refuses a code that comes back a second time", async () => {
    const cloud = await opened();
    const tab = new Tab(SITE);
    await new SignIn(cloud.signIn, tab).start();
    const back = cloud.signedIn(tab.address);
    tab.address = new URL(back);
    const door = new SignIn(cloud.signIn, tab);
    await door.resume();
    await door.end();

    tab.address = back;

    await expect(new SignIn(cloud.signIn, tab).resume()).rejects.toThrow(/used before/);
    expect(cloud.asked.filter((asked) => asked.endsWith("authorization_code"))).toHaveLength(1);
  });

  test("a link with a foreign code does not sign out whoever is in", async () => {
    const cloud = await opened();
    const { tab } = await entered(cloud);
    tab.address = new URL("?code=attackers&state=attackers", SITE);

    const person = await new SignIn(cloud.signIn, tab).resume();

    expect(person.email).toBe("ada@example.org");
    expect(tab.address.href).toBe(`${SITE}#/`);
  });

  test.each([
    ["for another nonce", { nonce: "replayed" }, /nonce/],
    ["of another pool", { iss: "https://cognito-idp.eu-central-1.amazonaws.com/other" }, /iss/],
    ["for another client", { aud: "other" }, /aud/],
    ["that ended an hour ago", { exp: Math.floor(Date.now() / 1000) - 3600 }, /exp/],
  ])("refuses an identity %s", async (_, forged, said) => {
    const cloud = await opened();
    cloud.forge = (claims) => ({ ...claims, ...forged });

    await expect(entered(cloud)).rejects.toThrow(said);
  });

  test("says why the pool refused", async () => {
    const cloud = await opened();
    const tab = new Tab(SITE);
    const door = new SignIn(cloud.signIn, tab);
    await door.start();
    const state = sent(tab.left[0], "state");
    tab.address = new URL(`?${new URLSearchParams({ state, error: "access_denied", error_description: "User is disabled." })}`, SITE);

    await expect(door.resume()).rejects.toThrow("Signing in failed: User is disabled.");
  });

  test("nobody who was never here is signed in", async () => {
    const cloud = await opened();

    await expect(new SignIn(cloud.signIn, new Tab(SITE)).resume()).rejects.toThrow(SignedOut);

    expect(cloud.asked).toEqual([]);
  });
});

describe("staying signed in", () => {
  test("a reload finds the session again", async () => {
    const cloud = await opened();
    const { tab } = await entered(cloud);

    const person = await new SignIn(cloud.signIn, tab).resume();

    expect(person.email).toBe("ada@example.org");
    expect(cloud.asked.at(-1)).toBe("POST /oauth2/token refresh_token");
  });

  test("a token that still lives is used as it is, one that ends within the minute is renewed first", async () => {
    const cloud = await opened();
    const { door } = await entered(cloud);
    const first = await door.token();
    const still = await door.token();
    cloud.livesS = 59;
    await door.renew(first);
    const ending = cloud.asked.length;

    const renewed = await door.token();

    expect(still).toBe(first);
    expect(renewed).not.toBe(first);
    expect(cloud.asked.slice(ending)).toEqual(["POST /oauth2/token refresh_token"]);
  });

  test("however many ask at once, the pool is asked once", async () => {
    const cloud = await opened();
    const { door } = await entered(cloud);
    const first = await door.token();
    cloud.asked = [];

    const tokens = await Promise.all([door.renew(first), door.renew(first), door.renew(first)]);

    expect(new Set(tokens).size).toBe(1);
    expect(cloud.asked).toHaveLength(1);
  });

  test("a pool that rotates its refresh tokens is followed", async () => {
    const cloud = await opened();
    cloud.rotates = true;
    const { tab } = await entered(cloud);

    await new SignIn(cloud.signIn, tab).resume();
    const person = await new SignIn(cloud.signIn, tab).resume();

    expect(person.groups).toEqual(["admin"]);
  });

  test("a pool that does not answer ends no session", async () => {
    const cloud = await opened();
    const { door, tab } = await entered(cloud);
    const first = await door.token();
    const away = new SignIn({ ...cloud.signIn, authority: "http://127.0.0.1:9" }, tab);

    await expect(away.renew(first)).rejects.not.toThrow(SignedOut);

    expect((await new SignIn(cloud.signIn, tab).resume()).email).toBe("ada@example.org");
  });

  test("signing out revokes the session, forgets it here, and ends it on the hosted page", async () => {
    const cloud = await opened();
    const { door, tab } = await entered(cloud);

    await door.end();

    expect(cloud.asked.at(-1)).toBe("POST /oauth2/revoke");
    expect([...tab.kept]).toEqual([]);
    expect(door.person).toBeNull();
    expect(tab.address.href).toBe(`${cloud.url}/logout?client_id=${cloud.clientId}&logout_uri=${encodeURIComponent(SITE)}`);
    await expect(door.token()).rejects.toThrow(SignedOut);
  });
});

describe("the API behind a sign-in", () => {
  test("is told who asks", async () => {
    const cloud = await opened();
    const { door } = await entered(cloud);

    const view = await api(cloud.url, door).state();

    expect(view.health.now).toBe(AT);
    await expect(api(cloud.url).state()).rejects.toThrow("Unauthorized");
  });

  test("a refused token is renewed once, and the question asked again", async () => {
    const cloud = await opened();
    const { door } = await entered(cloud);
    cloud.endAccessTokens();
    cloud.asked = [];

    await api(cloud.url, door).state();

    expect(cloud.asked).toEqual(["GET /api/state", "POST /oauth2/token refresh_token", "GET /api/state"]);
  });

  test("a session that the pool has ended leads to the sign-in", async () => {
    const cloud = await opened();
    const { door, tab } = await entered(cloud);
    const said: string[] = [];
    door.onLost = (words) => said.push(words);
    cloud.endEverySession();

    await expect(api(cloud.url, door).state()).rejects.toThrow(SignedOut);

    expect(said).toEqual(["Your session has ended. Sign in again."]);
    expect([...tab.kept]).toEqual([]);
  });

  test("an API that refuses even the new token leads to the sign-in instead of asking for ever", async () => {
    const cloud = await opened();
    const { door } = await entered(cloud);
    const said: string[] = [];
    door.onLost = (words) => said.push(words);
    cloud.refusesAll = true;
    cloud.asked = [];

    await expect(api(cloud.url, door).state()).rejects.toThrow("Unauthorized");

    expect(said).toHaveLength(1);
    expect(cloud.asked).toEqual(["GET /api/state", "POST /oauth2/token refresh_token", "GET /api/state"]);
  });
});

describe("the socket behind a sign-in", () => {
  async function watched(cloud: Cloud, change: { pingEveryMs?: number } = {}) {
    const { door } = await entered(cloud);
    const told = api(cloud.url, door);
    const links: Link["status"][] = [];
    const open = async (): Promise<Socket> => {
      const { ticket } = await told.ticket();
      return new WebSocket(`${cloud.url.replace("http", "ws")}/?ticket=${ticket}`) as unknown as Socket;
    };
    const events: unknown[] = [];
    const feed = new Feed(told, { snapshot: () => undefined, events: (all) => events.push(...all), link: ({ status }) => links.push(status) }, { open, firstWaitMs: 20, longestWaitMs: 100, ...change });
    const done = feed.run();
    running.unshift(() => (feed.stop(), done));
    await until(() => links.at(-1) === "live");
    return { links, events, feed, done };
  }

  test("a ticket is asked for before each connection, and none is used twice", async () => {
    const cloud = await opened();
    const { links } = await watched(cloud);

    cloud.hangUp();
    await until(() => links.at(-1) === "lost");
    await until(() => links.at(-1) === "live");

    expect(cloud.asked.filter((asked) => asked === "POST /api/tickets")).toHaveLength(2);
    expect(new Set(cloud.admitted).size).toBe(2);
  });

  test("a word is sent now and then, so that nobody takes it for idle", async () => {
    const cloud = await opened();

    await watched(cloud, { pingEveryMs: 30 });
    await until(() => cloud.heard.length >= 2);

    expect(cloud.heard[0]).toBe('{"kind":"Ping"}');
  });

  test("what the gateway says for itself is no event", async () => {
    const cloud = await opened();
    const { events, links } = await watched(cloud);

    cloud.say('{"message":"Internal server error","connectionId":"c","requestId":"r"}');
    cloud.say(JSON.stringify({ kind: "MinutePassed", id: "minute", at: AT, prices: [], positions: [], equity_quote: "1" }));
    await until(() => events.length);

    expect(events).toHaveLength(1);
    expect(links.at(-1)).toBe("live");
  });

  test("a feed stopped while it waits for a ticket leaves no socket behind", async () => {
    const cloud = await opened();
    const { feed, done, links } = await watched(cloud);

    cloud.hangUp();
    await until(() => links.at(-1) === "lost");
    feed.hurry();
    feed.stop();
    await done;

    expect(links.at(-1)).toBe("lost");
  });
});
