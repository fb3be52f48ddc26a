/** Long lists of which only the rows in sight are in the page: a scroller of its own, fixed heights, keys, and a place that is kept. */
import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import "./styles/virtual.css";

/** From the first up to before the last. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

export interface Box {
  readonly top: number;
  readonly height: number;
  readonly row: number;
}

/** The rows that a scroller shows, and `more` on either side of them. */
export function inSight({ top, height, row }: Box, count: number, more = 0): Span {
  const first = Math.floor(top / row) - more;
  const last = Math.ceil((top + height) / row) + more;
  const clamp = (index: number): number => Math.max(0, Math.min(count, index));
  return { first: clamp(first), last: clamp(last) };
}

/** Where a scroller has to be so that what is read stays, when so many rows came in above it. At its top the newest are read. */
export function kept({ top, row }: Box, added: number): number {
  return top < row / 2 ? 0 : top + added * row;
}

/** Where a scroller has to be so that all of a row is in sight; it moves no further than it must. */
export function revealed({ top, height, row }: Box, index: number): number {
  return Math.max(0, Math.min(index * row, Math.max(top, (index + 1) * row - height)));
}

/** Which row a key leads to; null for a key that leads nowhere. */
export function reached(key: string, current: number, count: number, page: number): number | null {
  const to: Readonly<Record<string, number>> = {
    ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: count - 1,
  };
  const found = to[key];
  return found === undefined || !count ? null : Math.max(0, Math.min(count - 1, found));
}

export interface Place {
  readonly index: number;
  /** Sets a row where it belongs: the property `.style` of its own element, for as an attribute a strict policy forbids it. */
  readonly style: string;
  /** Only the current row is a stop of the tabulator. */
  readonly tabindex: "0" | "-1";
}

export interface Rows {
  readonly count: number;
  readonly height: number;
  key(index: number): string;
  /** One element, `data-row` and focusable (or a focusable `data-focus` in it), placed by `place`. */
  draw(place: Place): TemplateResult;
}

/** A few more than are seen, so that a quick scroll meets no void. */
const MORE = 3;

/** What is in sight; told whenever it changes, so that whoever has the rows can fetch more. */
export class SightEvent extends Event {
  readonly span: Span;
  readonly atTop: boolean;
  constructor(span: Span, atTop: boolean) {
    super("sight");
    this.span = span;
    this.atTop = atTop;
  }
}

export class VirtualRows extends LitElement {
  static override properties = { rows: { attribute: false }, label: {}, kind: {}, tall: { state: true }, current: { state: true } };
  declare rows: Rows;
  declare label: string;
  /** The role of the box that holds the rows: a list, or a part of a grid. */
  declare kind: "list" | "rowgroup";
  declare top: number;
  declare tall: number;
  declare current: number;

  #watch = new ResizeObserver(([entry]) => { if (entry) this.tall = entry.contentRect.height; });
  #told = "";
  #focus = false;
  /** Where to scroll to once the rows are there. */
  #wish: number | null = null;

  constructor() {
    super();
    this.rows = { count: 0, height: 1, key: String, draw: () => html`` };
    this.label = "";
    this.kind = "list";
    this.top = this.tall = this.current = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch.disconnect();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.hasUpdated) return;
    // Who is moved within the page, to fill it or back, has lost its place.
    this.#wish = this.top;
    this.#watch.observe(this.#scroller);
    this.requestUpdate();
  }

  get #scroller(): HTMLElement {
    return this.querySelector<HTMLElement>("[data-scroller]") ?? this;
  }

  get #box(): Box {
    return { top: this.top, height: this.tall, row: this.rows.height };
  }

  /** To the newest. */
  toTop(): void {
    this.#scrollTo(0);
    this.current = 0;
  }

  focusRow(index = this.current): void {
    this.current = index;
    this.#focus = true;
    this.#scrollTo(revealed(this.#box, index));
  }

  #scrollTo(top: number): void {
    this.#scroller.scrollTop = this.top = top;
    this.requestUpdate();
  }

  /** A row that was current stays it, wherever it is now; what is read stays in sight when rows came in above. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("rows");
    if (!before?.count) return;
    const { rows } = this;
    // Scrolling is told with the next frame; rows may come before it.
    const was = (this.top = this.hasUpdated && this.#wish === null ? this.#scroller.scrollTop : this.top);
    const anchor = Math.min(before.count - 1, Math.floor(this.top / before.height));
    if (rows.height !== before.height) this.top = (this.top / before.height) * rows.height;
    else this.top = kept(this.#box, moved(before, rows, anchor));
    this.current = Math.max(0, Math.min(rows.count - 1, this.current + moved(before, rows, this.current)));
    this.top = Math.max(0, Math.min(this.top, rows.count * rows.height - this.tall));
    if (this.top !== was) this.#wish = this.top;
  }

  protected override firstUpdated(): void {
    this.#watch.observe(this.#scroller);
  }

  protected override updated(): void {
    if (this.#wish !== null) this.#scroller.scrollTop = this.#wish;
    this.#wish = null;
    if (this.#focus) {
      this.#focus = false;
      this.querySelector<HTMLElement>("[data-focus][tabindex='0']")?.focus({ preventScroll: true });
    }
    const { span, atTop, told } = this.#seen();
    if (told === this.#told) return;
    this.#told = told;
    this.dispatchEvent(new SightEvent(span, atTop));
  }

  /** Rows are drawn anew only when others come into sight. */
  #scrolled = (): void => {
    this.top = Math.max(0, this.#scroller.scrollTop);
    if (this.#seen().told !== this.#told) this.requestUpdate();
  };

  #seen(): { span: Span; atTop: boolean; told: string } {
    const { rows } = this;
    const span = inSight(this.#box, rows.count);
    const atTop = this.top < rows.height / 2;
    return { span, atTop, told: `${span.first} ${span.last} ${rows.count} ${atTop}` };
  }

  #pressed = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { rows } = this;
    const index = reached(event.key, this.current, rows.count, Math.max(1, Math.floor(this.tall / rows.height) - 1));
    if (index === null) return;
    event.preventDefault();
    this.focusRow(index);
  };

  /** Whoever clicks or steps into a row makes it the current one. */
  #entered = (event: FocusEvent): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-row]");
    if (row) this.current = Number(row.dataset["row"]);
  };

  protected override render(): TemplateResult {
    const { rows, current } = this;
    const { first, last } = inSight(this.#box, rows.count, MORE);
    const drawn = Array.from({ length: last - first }, (_, place) => first + place);
    // The current row stays in the page where it is, or its focus would be lost with it.
    if (current < rows.count && this.contains(document.activeElement)) {
      if (current < first) drawn.unshift(current);
      if (current >= last) drawn.push(current);
    }
    const stop = drawn.includes(current) ? current : inSight(this.#box, rows.count).first;
    return html`<div class="scroller" data-scroller @scroll=${this.#scrolled} @keydown=${this.#pressed} @focusin=${this.#entered}>
      <div class="rows" role=${this.kind} aria-label=${this.label || nothing} .style=${`height:${rows.count * rows.height}px`}>
        ${repeat(drawn, (index) => rows.key(index), (index) => rows.draw({
          index, tabindex: index === stop ? "0" : "-1",
          style: `top:${index * rows.height}px;height:${rows.height}px`,
        }))}
      </div>
    </div>`;
  }
}

/** How far down the row of that index has gone. Rows come in at the top and go nowhere else. */
export function moved(before: Pick<Rows, "key" | "count">, now: Pick<Rows, "key" | "count">, index: number): number {
  if (index >= before.count) return 0;
  const key = before.key(index);
  for (let by = 0; by <= LOOKED_FOR && index + by < now.count; by += 1) if (now.key(index + by) === key) return by;
  return 0;
}

/** More than come in between two frames, or while nobody was told. */
const LOOKED_FOR = 600;

customElements.define("virtual-rows", VirtualRows);
