/** What a panel asks for by itself: one question at a time, and once more when it was wanted meanwhile. */
import type { ReactiveControllerHost } from "lit";
import { ApiError } from "../api";

export class Loaded<T> {
  told: T | null = null;
  failed: string | null = null;
  readonly #host: ReactiveControllerHost;
  readonly #ask: () => Promise<T>;
  #asking = false;
  #again = false;
  #key: string | null = null;

  constructor(host: ReactiveControllerHost, ask: () => Promise<T>) {
    this.#host = host;
    this.#ask = ask;
  }

  /** Asks when the key is another than the last time. */
  follow(key: string): void {
    if (key === this.#key) return;
    this.#key = key;
    void this.load();
  }

  async load(): Promise<void> {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    do {
      this.#again = false;
      try {
        this.told = await this.#ask();
        this.failed = null;
      } catch (error) {
        this.failed = error instanceof ApiError ? error.message : "the server did not answer.";
      }
      this.#host.requestUpdate();
    } while (this.#again);
    this.#asking = false;
  }
}
