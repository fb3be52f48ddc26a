/** A deployment on loopback: the user pool's pages and tokens, the API behind its authorizer, the socket behind its tickets.
 * Nothing is replaced in the code under test: it speaks HTTP, and this answers as the real ones do. */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import type { SignInConfig } from "../src/config";
import type { Browser } from "../src/sign-in";
import { stateView } from "./views";

interface Asked {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirect: string;
}

const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export class Cloud {
  readonly clientId = "6eu4hpfbk1example";
  readonly issuer = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example";
  groups: string[] = ["admin"];
  livesS = 3600;
  rotates = false;
  /** What was asked, in order: `POST /oauth2/token refresh_token`, `GET /api/state`, … */
  asked: string[] = [];
  admitted: string[] = [];
  heard: string[] = [];
  refusesAll = false;
  /** Changes the claims of the next identity token. */
  forge: (claims: Record<string, unknown>) => Record<string, unknown> = (claims) => claims;
  readonly #key: KeyObject = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  #codes = new Map<string, Asked>();
  #refreshable = new Set<string>();
  #valid = new Set<string>();
  #tickets = new Set<string>();
  #server: Server | null = null;
  #sockets = new WebSocketServer({ noServer: true });

  get url(): string {
    return `http://127.0.0.1:${(this.#server?.address() as AddressInfo).port}`;
  }

  get signIn(): SignInConfig {
    return { authority: this.url, issuer: this.issuer, clientId: this.clientId, scope: "openid email" };
  }

  async open(): Promise<this> {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("upgrade", (request, stream, head) => {
      const ticket = new URL(request.url ?? "/", this.url).searchParams.get("ticket") ?? "";
      if (!this.#tickets.delete(ticket)) return stream.end("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n");
      this.admitted.push(ticket);
      this.#sockets.handleUpgrade(request, stream, head, (socket) => socket.on("message", (text) => this.heard.push(String(text))));
    });
    await new Promise<void>((listening) => this.#server!.listen(0, "127.0.0.1", listening));
    return this;
  }

  async close(): Promise<void> {
    this.hangUp();
    this.#server?.closeAllConnections();
    await new Promise((closed) => this.#server?.close(closed));
  }

  hangUp(): void {
    for (const client of this.#sockets.clients) client.terminate();
  }

  say(text: string): void {
    for (const client of this.#sockets.clients) client.send(text);
  }

  /** A person types their password on the page that the browser was sent to; where it then sends the browser. */
  signedIn(page: URL): URL {
    const asked = page.searchParams;
    const code = randomBytes(8).toString("hex");
    const told = (name: string): string => asked.get(name) ?? "";
    this.#codes.set(code, { challenge: told("code_challenge"), nonce: told("nonce"), redirect: told("redirect_uri") });
    const back = new URL(told("redirect_uri"));
    back.search = new URLSearchParams({ code, state: told("state") }).toString();
    return back;
  }

  endEverySession(): void {
    this.#refreshable.clear();
    this.#valid.clear();
  }

  endAccessTokens(): void {
    this.#valid.clear();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { pathname } = new URL(request.url ?? "/", this.url);
    const say = (status: number, told: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(told));
    };
    if (pathname.startsWith("/oauth2/")) {
      const form = new URLSearchParams(body);
      this.asked.push(`${request.method} ${pathname} ${form.get("grant_type") ?? ""}`.trim());
      if (pathname === "/oauth2/revoke") return void (this.#refreshable.delete(form.get("token") ?? ""), response.end());
      const told = form.get("client_id") === this.clientId ? this.#granted(form) : null;
      return told ? say(200, told) : say(400, { error: "invalid_grant" });
    }
    this.asked.push(`${request.method} ${pathname}`);
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    if (this.refusesAll || !this.#valid.has(token)) return say(401, { message: "Unauthorized" });
    if (pathname === "/api/tickets") {
      const ticket = randomBytes(8).toString("hex");
      this.#tickets.add(ticket);
      return say(200, { ticket, expires_at: new Date(Date.now() + 60_000).toISOString() });
    }
    say(200, pathname === "/api/state" ? stateView() : { events: [] });
  }

  #granted(form: URLSearchParams): Record<string, unknown> | null {
    const given = (name: string): string => form.get(name) ?? "";
    if (given("grant_type") === "refresh_token") {
      const old = given("refresh_token");
      if (!this.#refreshable.has(old)) return null;
      if (!this.rotates) return this.#tokens();
      this.#refreshable.delete(old);
      return { ...this.#tokens(), refresh_token: this.#refresh() };
    }
    const asked = this.#codes.get(given("code"));
    this.#codes.delete(given("code"));
    const challenge = createHash("sha256").update(given("code_verifier")).digest("base64url");
    if (!asked || asked.challenge !== challenge || asked.redirect !== given("redirect_uri")) return null;
    return { ...this.#tokens(asked.nonce), refresh_token: this.#refresh() };
  }

  #refresh(): string {
    const token = randomBytes(24).toString("base64url");
    this.#refreshable.add(token);
    return token;
  }

  #tokens(nonce?: string): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000);
    const common = { sub: "8f6d", iss: this.issuer, iat: now, exp: now + this.livesS, auth_time: now, "cognito:groups": this.groups };
    const access = this.#signed({ ...common, client_id: this.clientId, token_use: "access", scope: "openid email", jti: randomBytes(8).toString("hex") });
    const id = this.#signed(this.forge({ ...common, aud: this.clientId, token_use: "id", email: "ada@example.org", ...(nonce ? { nonce } : {}) }));
    this.#valid.add(access);
    return { access_token: access, id_token: id, token_type: "Bearer", expires_in: this.livesS };
  }

  #signed(claims: Record<string, unknown>): string {
    const words = `${json({ alg: "RS256", kid: "k" })}.${json(claims)}`;
    return `${words}.${sign("sha256", Buffer.from(words), this.#key).toString("base64url")}`;
  }
}

/** One tab: its address and what lies in its session storage. */
export class Tab implements Browser {
  address: URL;
  left: URL[] = [];
  readonly kept = new Map<string, string>();
  readonly storage = {
    getItem: (key: string): string | null => this.kept.get(key) ?? null,
    setItem: (key: string, value: string): void => void this.kept.set(key, value),
    removeItem: (key: string): void => void this.kept.delete(key),
  };

  constructor(address: string) {
    this.address = new URL(address);
  }

  here(): URL {
    return new URL(this.address);
  }

  go(url: URL): void {
    this.left.push(url);
    this.address = url;
  }

  rewrite(url: URL): void {
    this.address = url;
  }
}
