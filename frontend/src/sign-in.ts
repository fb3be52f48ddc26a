/** Signing in at the user pool's own page: OAuth 2.0 authorization code with PKCE, and OpenID Connect for who it is.
 *
 * The protocol is oauth4webapi's; here is only what is kept where. The access token lives in memory and dies with the page.
 * The refresh token lies in sessionStorage: this tab survives a reload, another tab or a later day does not find it. */
import * as oauth from "oauth4webapi";
import type { Pass } from "./api";
import type { SignInConfig } from "./config";

/** Whom the page greets. The groups are those the pool put into the token; the API checks them itself. */
export interface Person {
  readonly email: string | null;
  readonly groups: readonly string[];
}

/** As much of a browser as signing in needs, so that tests may bring their own. */
export interface Browser {
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  here(): URL;
  go(url: URL): void;
  /** Another address for the same page, without a step in the history. */
  rewrite(url: URL): void;
}

/** Nobody is signed in, in words for the page. */
export class SignedOut extends Error {}

/** What must come back unchanged from the hosted page, and what proves that it was us who asked. */
interface Begun {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly hash: string;
}

const BEGUN = "semsig-sign-in-begun";
const REFRESH = "semsig-refresh-token";
const TIMEOUT_MS = 15_000;
const REVOKE_TIMEOUT_MS = 2_000;
/** Renewed this long before it ends, so that no question is on its way with a token that has just ended. */
const EARLY_MS = 60_000;
/** How far this machine's clock may be off. */
const CLOCK_TOLERANCE_S = 120;
const SESSION_ENDED = "Your session has ended. Sign in again.";

export class SignIn implements Pass {
  readonly #config: SignInConfig;
  readonly #browser: Browser;
  readonly #server: oauth.AuthorizationServer;
  readonly #client: oauth.Client;
  #access: { readonly token: string; readonly staleAt: number } | null = null;
  #person: Person | null = null;
  #renewing: Promise<string> | null = null;
  /** Told once when whoever was signed in no longer is. */
  onLost: (said: string) => void = () => undefined;

  constructor(config: SignInConfig, browser: Browser) {
    this.#config = config;
    this.#browser = browser;
    const at = (path: string): string => `${config.authority}${path}`;
    this.#server = {
      issuer: config.issuer, authorization_endpoint: at("/oauth2/authorize"), token_endpoint: at("/oauth2/token"),
      revocation_endpoint: at("/oauth2/revoke"),
    };
    this.#client = { client_id: config.clientId, token_endpoint_auth_method: "none", [oauth.clockTolerance]: CLOCK_TOLERANCE_S };
  }

  get person(): Person | null {
    return this.#person;
  }

  /** Who comes back from the hosted page, or was here before a reload. Raises SignedOut, or what `fetch` raises. */
  async resume(): Promise<Person> {
    const here = this.#browser.here();
    const isBack = here.searchParams.has("state") && (here.searchParams.has("code") || here.searchParams.has("error"));
    // A link with somebody else's code must not sign out whoever is in.
    const failed = isBack ? await this.#finish(here).then(() => null, (error: unknown) => error) : new SignedOut("");
    if (failed !== null) {
      if (!this.#recall(REFRESH)) throw failed;
      await this.#renew();
    }
    return this.#person ?? { email: null, groups: [] };
  }

  /** Off to the hosted page. It comes back with a code that only this tab can use. */
  async start(): Promise<void> {
    const begun: Begun = {
      state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(), verifier: oauth.generateRandomCodeVerifier(),
      hash: this.#browser.here().hash,
    };
    try {
      this.#browser.storage.setItem(BEGUN, JSON.stringify(begun));
    } catch {
      throw new SignedOut("This browser keeps no session storage for this page, and signing in needs it.");
    }
    const page = new URL(this.#server.authorization_endpoint!);
    page.search = new URLSearchParams({
      response_type: "code", client_id: this.#config.clientId, redirect_uri: this.#home(), scope: this.#config.scope,
      state: begun.state, nonce: begun.nonce, code_challenge: await oauth.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: "S256",
    }).toString();
    this.#browser.go(page);
  }

  /** A token that is good for a while. */
  async token(): Promise<string> {
    return this.#access && Date.now() < this.#access.staleAt ? this.#access.token : this.#renew();
  }

  /** Another token than the one the API refused; the same one when it has been renewed meanwhile. */
  async renew(refused: string): Promise<string> {
    return this.#access && this.#access.token !== refused ? this.#access.token : this.#renew();
  }

  /** The API refuses even a new token. */
  lost(): void {
    this.#forget();
    this.onLost(SESSION_ENDED);
  }

  /** Everything is forgotten here, then at the pool. */
  async end(): Promise<void> {
    const refresh = this.#recall(REFRESH);
    this.#forget();
    if (refresh) {
      // Whether it is revoked or not, the person wants to leave.
      await oauth
        .revocationRequest(this.#server, this.#client, oauth.None(), refresh, this.#options(REVOKE_TIMEOUT_MS))
        .catch(() => undefined);
    }
    const page = new URL(`${this.#config.authority}/logout`);
    page.search = new URLSearchParams({ client_id: this.#config.clientId, logout_uri: this.#home() }).toString();
    this.#browser.go(page);
  }

  async #finish(here: URL): Promise<void> {
    // Taken away before it is used: the same code, come back a second time, finds nothing to match.
    const begun = this.#begun();
    this.#drop(BEGUN);
    this.#browser.rewrite(new URL(begun?.hash || "#/", this.#home()));
    if (!begun) throw new SignedOut("This sign-in did not begin in this tab, or was used before. Sign in again.");
    try {
      const { state, nonce, verifier } = begun;
      const parameters = oauth.validateAuthResponse(this.#server, this.#client, here, state);
      const response = await oauth.authorizationCodeGrantRequest(
        this.#server, this.#client, oauth.None(), parameters, this.#home(), verifier, this.#options(),
      );
      this.#take(await oauth.processAuthorizationCodeResponse(this.#server, this.#client, response, { expectedNonce: nonce, requireIdToken: true }));
    } catch (error) {
      throw new SignedOut(`Signing in failed: ${words(error)}`);
    }
  }

  /** However many ask at once, the pool is asked once. */
  #renew(): Promise<string> {
    this.#renewing ??= this.#refreshed().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #refreshed(): Promise<string> {
    const refresh = this.#recall(REFRESH);
    try {
      if (!refresh) throw new SignedOut(SESSION_ENDED);
      const response = await oauth.refreshTokenGrantRequest(this.#server, this.#client, oauth.None(), refresh, this.#options());
      return this.#take(await oauth.processRefreshTokenResponse(this.#server, this.#client, response));
    } catch (error) {
      // A pool that does not answer may answer later; one that refuses has ended the session.
      if (!(error instanceof SignedOut || error instanceof oauth.ResponseBodyError)) throw error;
      this.lost();
      throw new SignedOut(SESSION_ENDED);
    }
  }

  #take(told: oauth.TokenEndpointResponse): string {
    this.#access = { token: told.access_token, staleAt: Date.now() + (told.expires_in ?? 300) * 1000 - EARLY_MS };
    // A pool that rotates gives a new one each time; one that does not gives none.
    if (told.refresh_token) this.#keep(REFRESH, told.refresh_token);
    const claims = oauth.getValidatedIdTokenClaims(told);
    if (claims) {
      const { email, "cognito:groups": groups } = claims;
      this.#person = {
        email: typeof email === "string" ? email : null,
        groups: Array.isArray(groups) ? groups.filter((group) => typeof group === "string") : [],
      };
    }
    return told.access_token;
  }

  #begun(): Begun | null {
    try {
      return JSON.parse(this.#recall(BEGUN) ?? "null") as Begun | null;
    } catch {
      return null;
    }
  }

  #home(): string {
    return `${this.#browser.here().origin}/`;
  }

  #options(timeoutMs = TIMEOUT_MS): oauth.TokenEndpointRequestOptions {
    // Unencrypted only where the configuration admits it: on loopback.
    return { signal: AbortSignal.timeout(timeoutMs), [oauth.allowInsecureRequests]: this.#config.authority.startsWith("http://") };
  }

  #forget(): void {
    this.#access = this.#person = null;
    this.#drop(REFRESH);
  }

  // Storage may be refused: then a reload asks for the sign-in again.

  #keep(key: string, value: string): void {
    try {
      this.#browser.storage.setItem(key, value);
    } catch {
      return;
    }
  }

  #recall(key: string): string | null {
    try {
      return this.#browser.storage.getItem(key);
    } catch {
      return null;
    }
  }

  #drop(key: string): void {
    try {
      this.#browser.storage.removeItem(key);
    } catch {
      return;
    }
  }
}

function words(error: unknown): string {
  if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError)
    return error.error_description ?? error.error;
  if (error instanceof oauth.OperationProcessingError) return error.message;
  return "the sign-in service did not answer.";
}
