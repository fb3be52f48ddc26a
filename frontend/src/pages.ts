/** Rows that come as they are wanted: backwards from the newest by a cursor, or from any place of a known whole. */
import type { Span } from "./virtual";

interface Told<T> {
  readonly rows: readonly T[];
  /** Ask on from here; null: there is nothing older. */
  readonly next: string | null;
  /** All that is newer was looked at. */
  readonly until: string | null;
}

/** Questions that one wish may take before somebody has to wish again: a filter may match nothing. */
const LOOKS = 5;

/** Newest first, without an end that is known. */
export class Endless<T> {
  rows: readonly T[];
  next: string | null;
  until: string | null = null;
  isLoading = false;
  /** Looked for long enough without finding anything. */
  isPaused = false;
  failed: unknown = null;
  readonly #ask: (before: string) => Promise<Told<T>>;
  readonly #changed: () => void;

  /** `next`: where what is known already ends. */
  constructor(rows: readonly T[], next: string | null, ask: (before: string) => Promise<Told<T>>, changed: () => void) {
    this.rows = rows;
    this.next = next;
    this.#ask = ask;
    this.#changed = changed;
  }

  /** Older ones, unless they are on their way. */
  async more(): Promise<void> {
    if (this.isLoading || this.next === null) return;
    this.isLoading = true;
    this.isPaused = false;
    this.failed = null;
    this.#changed();
    const before = this.rows.length;
    try {
      for (let looks = 0; looks < LOOKS && this.next !== null && this.rows.length === before; looks += 1) {
        const { rows, next, until } = await this.#ask(this.next);
        this.rows = [...this.rows, ...rows];
        this.next = next;
        this.until = until ?? this.until;
        this.#changed();
      }
      this.isPaused = this.next !== null && this.rows.length === before;
    } catch (error) {
      this.failed = error;
    }
    this.isLoading = false;
    this.#changed();
  }

  put(newer: readonly T[]): void {
    if (newer.length) this.rows = [...newer, ...this.rows];
  }
}

interface Page<T> {
  readonly rows: readonly T[];
  readonly total: number;
}

/** Pages that are kept; those furthest from what is seen go first. */
const KEPT = 12;
const AT_ONCE = 2;

/** Any part of a whole whose size is known, fetched by pages; where somebody only passes through nothing is fetched. */
export class Pages<T> {
  total = 0;
  failed: unknown = null;
  readonly size: number;
  readonly #ask: (offset: number, limit: number) => Promise<Page<T>>;
  readonly #changed: () => void;
  #pages = new Map<number, readonly T[]>();
  #asked = new Set<number>();
  #wished: Span = { first: 0, last: 0 };

  constructor(size: number, ask: (offset: number, limit: number) => Promise<Page<T>>, changed: () => void) {
    this.size = size;
    this.#ask = ask;
    this.#changed = changed;
  }

  at(index: number): T | undefined {
    return this.#pages.get(Math.floor(index / this.size))?.[index % this.size];
  }

  /** The first page; raises what the asking raised. */
  async begin(): Promise<this> {
    const { rows, total } = await this.#ask(0, this.size);
    this.#pages.set(0, rows);
    this.total = total;
    return this;
  }

  want(span: Span): void {
    this.#wished = span;
    const wanted = this.#numbers().filter((number) => !this.#pages.has(number) && !this.#asked.has(number));
    for (const number of wanted.slice(0, Math.max(0, AT_ONCE - this.#asked.size))) void this.#fetch(number);
  }

  #numbers(): number[] {
    const { first, last } = this.#wished;
    const from = Math.floor(Math.min(first, this.total) / this.size);
    const to = Math.ceil(Math.min(last, this.total) / this.size);
    return Array.from({ length: Math.max(0, to - from) }, (_, place) => from + place);
  }

  async #fetch(number: number): Promise<void> {
    this.#asked.add(number);
    let isTold = true;
    try {
      const { rows } = await this.#ask(number * this.size, this.size);
      this.#pages.set(number, rows);
      this.failed = null;
    } catch (error) {
      this.failed = error;
      isTold = false;
    }
    this.#asked.delete(number);
    this.#forget();
    this.#changed();
    // What failed is asked for again by whoever wants it, or the server would be asked without end.
    if (isTold) this.want(this.#wished);
  }

  #forget(): void {
    const here = Math.floor(this.#wished.first / this.size);
    const far = [...this.#pages.keys()].sort((one, other) => Math.abs(one - here) - Math.abs(other - here)).slice(KEPT);
    for (const number of far) this.#pages.delete(number);
  }
}
