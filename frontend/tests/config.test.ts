/** What the page makes of its server's `/config.json`. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ConfigError, config } from "../src/config";

const GOOD = {
  stage: "dev",
  socket: "wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/dev",
  signIn: {
    authority: "https://semanticsignal-dev-0a1b.auth.eu-central-1.amazoncognito.com",
    issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example",
    clientId: "6eu4hpfbk1example",
    scope: "openid email",
  },
};

const running: (() => unknown)[] = [];
afterEach(() => running.splice(0).forEach((stop) => stop()));

async function serving(status: number, type: string, body: string): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status, { "content-type": type, connection: "close" }).end(body));
  running.push(() => server.close());
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const told = (value: unknown): Promise<string> => serving(200, "application/json", JSON.stringify(value));

describe("a page without a configuration is on one's own machine", () => {
  test.each([
    ["none is served", 404, "application/problem+json", "{}"],
    ["the page itself is served in its place", 200, "text/html; charset=utf-8", "<!doctype html>"],
    ["it names no sign-in", 200, "application/json", '{ "stage": "local" }'],
  ])("%s", async (_, status, type, body) => {
    expect(await config(await serving(status, type, body))).toBeNull();
  });
});

test("only a deployment that says so is public", async () => {
  expect((await config(await told({ ...GOOD, public: true })))?.isPublic).toBe(true);
  expect((await config(await told({ ...GOOD, public: "no" })))?.isPublic).toBe(false);
});

test("a deployment's configuration is taken as it is, with patience for a market that speaks once a minute", async () => {
  expect(await config(await told(GOOD))).toEqual({ ...GOOD, isPublic: false, silentAfterMs: 90_000, giveUpSocketAfterMs: 180_000 });
});

test("the patience may be set", async () => {
  const found = await config(await told({ ...GOOD, silentAfterMs: 1000, giveUpSocketAfterMs: 2000 }));

  expect(found).toMatchObject({ silentAfterMs: 1000, giveUpSocketAfterMs: 2000 });
});

describe("a broken configuration is said in words", () => {
  test.each([
    ["a socket without a sign-in", { stage: "dev", socket: GOOD.socket }, "signIn must be an object, was missing"],
    ["a sign-in without a socket", { ...GOOD, socket: undefined }, "socket must be an address that begins with wss://, was missing"],
    ["a socket that is not encrypted", { ...GOOD, socket: "ws://example.org" }, 'wss://, was "ws://example.org"'],
    ["a token of the template left in it", { ...GOOD, socket: "wss://${Token[12]}" }, "socket must be an address"],
    ["a pool that is not encrypted", { ...GOOD, signIn: { ...GOOD.signIn, authority: "http://example.org" } }, "signIn.authority must be"],
    ["no issuer", { ...GOOD, signIn: { ...GOOD.signIn, issuer: 3 } }, "signIn.issuer must be an address that begins with https://, was 3"],
    ["no client", { ...GOOD, signIn: { ...GOOD.signIn, clientId: "" } }, 'signIn.clientId must be a client id, was ""'],
    ["a scope that tells no identity", { ...GOOD, signIn: { ...GOOD.signIn, scope: "email" } }, "signIn.scope must be"],
    ["a stage like none", { ...GOOD, stage: "Dev!" }, 'stage must be a short lower-case name, was "Dev!"'],
    ["no patience at all", { ...GOOD, silentAfterMs: 0 }, "silentAfterMs must be a number of milliseconds, was 0"],
    ["a list", [], "it must be an object, was []"],
  ])("%s", async (_, value, said) => {
    const wrong = await config(await told(value)).catch((error: unknown) => error);

    expect(wrong).toBeInstanceOf(ConfigError);
    expect(String(wrong)).toContain(said);
  });

  test("no JSON", async () => {
    await expect(config(await serving(200, "application/json", "{"))).rejects.toThrow("it is no JSON");
  });

  test("a server that refuses it", async () => {
    await expect(config(await serving(403, "application/xml", "<Error/>"))).rejects.toThrow("the server answered 403");
  });
});

test("a server that does not answer is no broken configuration", async () => {
  await expect(config("http://127.0.0.1:9")).rejects.not.toThrow(ConfigError);
});
