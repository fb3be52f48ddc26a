/** Where this page is served: asked of its own server before anything else, so that one build fits every deployment. */

/** A user pool's hosted sign-in page. `issuer` is what its tokens say of themselves, `authority` where the page is. */
export interface SignInConfig {
  readonly authority: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly scope: string;
}

export interface CloudConfig {
  readonly stage: string;
  readonly socket: string;
  readonly signIn: SignInConfig;
  /** Anybody may look, at what the server shows to everybody. */
  readonly isPublic: boolean;
  readonly silentAfterMs: number;
  readonly giveUpSocketAfterMs: number;
}

/** `/config.json` says something that cannot be meant. */
export class ConfigError extends Error {}

const TIMEOUT_MS = 10_000;
// In the cloud the market speaks once a minute.
const SILENT_AFTER_MS = 90_000;
const GIVE_UP_SOCKET_AFTER_MS = 180_000;

/** Null on one's own machine: no sign-in, and the socket is the page's own server's. Raises ConfigError, or what `fetch` raises. */
export async function config(base: string): Promise<CloudConfig | null> {
  const response = await fetch(new URL("/config.json", base), { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
  if (response.status === 404 || (response.ok && isPage)) return null;
  if (!response.ok) throw new ConfigError(`the server answered ${response.status}`);
  let told: unknown;
  try {
    told = JSON.parse(await response.text());
  } catch {
    throw new ConfigError("it is no JSON");
  }
  return read(told);
}

function read(told: unknown): CloudConfig | null {
  const root = record(told, "it");
  if (!("socket" in root) && !("signIn" in root)) return null;
  const signIn = record(root["signIn"], "signIn");
  return {
    stage: text(root, "stage", /^[a-z][a-z0-9]{1,11}$/, "a short lower-case name"),
    socket: address(root, "socket", "wss", "ws"),
    signIn: {
      authority: address(signIn, "authority", "https", "http", "signIn."),
      issuer: address(signIn, "issuer", "https", "http", "signIn."),
      clientId: text(signIn, "clientId", /^\w{1,128}$/, "a client id", "signIn."),
      scope: text(signIn, "scope", /^openid( [\w./:-]+)*$/, "openid and what else is asked", "signIn."),
    },
    isPublic: root["public"] === true,
    silentAfterMs: milliseconds(root, "silentAfterMs", SILENT_AFTER_MS),
    giveUpSocketAfterMs: milliseconds(root, "giveUpSocketAfterMs", GIVE_UP_SOCKET_AFTER_MS),
  };
}

type Told = Readonly<Record<string, unknown>>;

function record(value: unknown, name: string): Told {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, "an object", value);
  return value as Told;
}

function text(of: Told, key: string, like: RegExp, meant: string, prefix = ""): string {
  const value = of[key];
  if (typeof value !== "string" || !like.test(value)) throw wrong(prefix + key, meant, value);
  return value;
}

/** Encrypted, unless it is this very machine, as in the tests. Without a slash at its end. */
function address(of: Told, key: string, scheme: string, onLoopback: string, prefix = ""): string {
  const meant = `an address that begins with ${scheme}://`;
  const value = text(of, key, /^[a-z]+:\/\/[^\s?#]+$/, meant, prefix);
  if (!URL.canParse(value)) throw wrong(prefix + key, meant, value);
  const { protocol, hostname } = new URL(value);
  const isLoopback = hostname === "127.0.0.1" || hostname === "localhost";
  if (protocol !== `${scheme}:` && !(isLoopback && protocol === `${onLoopback}:`)) throw wrong(prefix + key, meant, value);
  return value.replace(/\/+$/, "");
}

function milliseconds(of: Told, key: string, or: number): number {
  const value = of[key] ?? or;
  if (typeof value !== "number" || !(value > 0)) throw wrong(key, "a number of milliseconds", value);
  return value;
}

function wrong(name: string, meant: string, value: unknown): ConfigError {
  return new ConfigError(`${name} must be ${meant}, was ${value === undefined ? "missing" : JSON.stringify(value).slice(0, 80)}`);
}
