/** A picture as large as one likes: wheel, two fingers, + − 0 and arrows, drag; Escape leads back to where one was. */
import { LitElement, html, type TemplateResult } from "lit";
import "../styles/lightbox.css";
import { CLOSEST, WHOLE, held, zoomed, type Look, type Size } from "./look-at";

const STEP = 1.4;
const NUDGE = 60;

export class PictureLightbox extends LitElement {
  static override properties = { url: { attribute: false }, name: { attribute: false }, words: { attribute: false }, look: { state: true } };
  declare url: string;
  declare name: string;
  declare words: string;
  declare look: Look;
  declare back: () => void;
  #fingers = new Map<number, { x: number; y: number }>();

  constructor() {
    super();
    this.look = WHOLE;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override firstUpdated(): void {
    this.#dialog.showModal();
    // Lit listens without saying that the page shall not scroll.
    this.#place.addEventListener("wheel", this.#wheel, { passive: false });
    this.#place.focus();
  }

  get #dialog(): HTMLDialogElement {
    return this.querySelector("dialog")!;
  }

  get #place(): HTMLElement {
    return this.querySelector(".lightbox-place")!;
  }

  get #size(): Size {
    const { clientWidth: width, clientHeight: height } = this.#place;
    return { width, height };
  }

  #from(event: { clientX: number; clientY: number }): { x: number; y: number } {
    const { left, top, width, height } = this.#place.getBoundingClientRect();
    return { x: event.clientX - left - width / 2, y: event.clientY - top - height / 2 };
  }

  #zoom(factor: number, at = { x: 0, y: 0 }): void {
    this.look = zoomed(this.look, factor, at, this.#size);
  }

  #pan(x: number, y: number): void {
    this.look = held({ ...this.look, x: this.look.x + x, y: this.look.y + y }, this.#size);
  }

  #wheel = (event: WheelEvent): void => {
    event.preventDefault();
    this.#zoom(Math.exp(-event.deltaY / 400), this.#from(event));
  };

  #key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const done: Readonly<Record<string, () => void>> = {
      "+": () => this.#zoom(STEP), "=": () => this.#zoom(STEP), "-": () => this.#zoom(1 / STEP), "0": () => (this.look = WHOLE),
      ArrowLeft: () => this.#pan(NUDGE, 0), ArrowRight: () => this.#pan(-NUDGE, 0), ArrowUp: () => this.#pan(0, NUDGE), ArrowDown: () => this.#pan(0, -NUDGE),
    };
    // The page below has keys of its own, which are not meant here.
    event.stopPropagation();
    const act = done[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  #down = (event: PointerEvent): void => {
    this.#place.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, this.#from(event));
  };

  #move = (event: PointerEvent): void => {
    const before = this.#fingers.get(event.pointerId);
    if (!before) return;
    const now = this.#from(event);
    const other = [...this.#fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.#fingers.set(event.pointerId, now);
    if (!other) return this.#pan(now.x - before.x, now.y - before.y);
    const apart = (one: { x: number; y: number }): number => Math.hypot(one.x - other.x, one.y - other.y) || 1;
    this.#zoom(apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  };

  #up = (event: PointerEvent): void => {
    this.#fingers.delete(event.pointerId);
  };

  #closed = (): void => {
    this.remove();
    this.back();
  };

  protected override render(): TemplateResult {
    const { scale, x, y } = this.look;
    const button = (name: string, sign: string, act: () => void, off = false): TemplateResult =>
      html`<button type="button" class="icon" aria-label=${name} title=${name} ?disabled=${off} @click=${act}>${sign}</button>`;
    return html`<dialog class="lightbox" aria-label=${this.name} @close=${this.#closed} @keydown=${this.#key}>
      <div class="lightbox-head">
        <p class="lightbox-name">${this.name}</p>
        ${button("Farther (−)", "−", () => this.#zoom(1 / STEP), scale <= 1)}
        <output class="lightbox-scale" aria-label="Size">${Math.round(scale * 100)} %</output>
        ${button("Nearer (+)", "+", () => this.#zoom(STEP), scale >= CLOSEST)}
        ${button("Whole picture (0)", "⤢", () => (this.look = WHOLE), scale === 1)}
        ${button("Close (Escape)", "×", () => this.#dialog.close())}
      </div>
      <div class="lightbox-place ${scale > 1 ? "near" : ""}" tabindex="0" role="region" aria-label="${this.name}: plus, minus and zero change its size, arrows move it"
        @pointerdown=${this.#down} @pointermove=${this.#move} @pointerup=${this.#up} @pointercancel=${this.#up}
        @dblclick=${(event: MouseEvent) => (scale > 1 ? (this.look = WHOLE) : this.#zoom(3, this.#from(event)))}>
        <img src=${this.url} alt=${this.words} draggable="false" .style=${`transform: translate(${x}px, ${y}px) scale(${scale})`} />
      </div>
    </dialog>`;
  }
}

customElements.define("picture-lightbox", PictureLightbox);

/** Above all that is open; `back` puts the focus where it was, when it closes. */
export function enlarge(url: string, name: string, words: string, back: () => void): void {
  const box = document.createElement("picture-lightbox") as PictureLightbox;
  Object.assign(box, { url, name, words, back });
  document.body.append(box);
}
