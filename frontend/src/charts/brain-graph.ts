/** The graph on a canvas. Physics brings memories and rules to their decisions, then all is still. */
import { LitElement, html, type PropertyValues } from "lit";
import { DataSet } from "vis-data/esnext";
import { Network, type Edge, type Node, type Options } from "vis-network/esnext";
import { SHAPES, SIZE, XS, beside, called, chain, nearest, places, under, type Place } from "../brain";
import type { BrainEdge, BrainNode, BrainView } from "../shapes";
import { faint, look, type Look } from "./look";

const SETTLE = 250;
/** Type of 13 and 12 px, never smaller than 11 unless somebody zooms out. */
const LEAST = 0.92;
/** Kept free above the first row, for the buttons. */
const HEAD = 50;
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const DASHES: Readonly<Partial<Record<BrainEdge["kind"], number[]>>> = { recalled: [5, 4], shown: [5, 4], taught: [1, 4] };
const TONES = { up: "up", down: "down", flat: "muted" } as const;

export class BrainGraph extends LitElement {
  static override properties = { view: { attribute: false }, chosen: { attribute: false }, theme: { attribute: false }, full: { attribute: false } };
  declare view: BrainView | null;
  declare chosen: string | null;
  declare theme: string;
  /** Alone on the screen: the wheel then zooms by itself. */
  declare full: boolean;

  #network: Network | null = null;
  #nodes = new DataSet<Node>();
  #edges = new DataSet<Edge>();
  #told = new Map<string, BrainNode>();
  #shapes = new Map<string, Path2D>();
  #lit: ReadonlySet<string> | null = null;
  #moved = new Map<string, Place>();
  #look!: Look;
  #size: ResizeObserver | null = null;

  constructor() {
    super();
    this.view = this.chosen = null;
    this.full = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): unknown {
    return html`<div class="canvas"></div>`;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate("view", null);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#size?.disconnect();
    this.#network?.destroy();
    this.#network = this.#size = null;
    this.removeAttribute("still");
    this.#nodes.clear();
    this.#edges.clear();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!this.view || !this.isConnected) return;
    if (changed.has("theme")) this.#look = look(this);
    const first = !this.#network;
    this.#network ??= this.#create();
    if (changed.has("view")) this.#draw(first);
    if (changed.has("view") || changed.has("chosen") || changed.has("theme")) this.#light();
    if (changed.has("chosen") && !first) this.#reveal();
  }

  fit(): void {
    this.#network?.fit({ animation: this.#motion() });
  }

  zoom(by: number): void {
    this.#network?.moveTo({ scale: Math.min(2.5, Math.max(0.1, this.#network.getScale() * by)), animation: this.#motion() });
  }

  #motion(): false | { duration: number; easingFunction: "easeInOutQuad" } {
    return matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 250, easingFunction: "easeInOutQuad" };
  }

  #create(): Network {
    this.#look ??= look(this);
    const place = this.querySelector<HTMLElement>(".canvas")!;
    const options: Options = {
      autoResize: false,
      physics: { enabled: false },
      interaction: { hover: true, hoverConnectedEdges: false, selectConnectedEdges: false, tooltipDelay: 1e6 },
      nodes: { shape: "custom", ctxRenderer: this.#drawn } as NonNullable<Options["nodes"]>,
      edges: { arrows: { to: { enabled: true, scaleFactor: 0.45 } }, width: 1.5, selectionWidth: 0, hoverWidth: 0, smooth: { enabled: true, type: "cubicBezier", forceDirection: "horizontal", roundness: 0.6 } },
    };
    const network = new Network(place, { nodes: this.#nodes, edges: this.#edges }, options);
    network.on("click", ({ nodes }: { nodes: string[] }) => this.#choose(nodes[0] ?? null));
    network.on("dragEnd", ({ nodes }: { nodes: string[] }) => {
      for (const [id, at] of Object.entries(network.getPositions(nodes))) this.#moved.set(id, at);
    });
    const frame = place.querySelector<HTMLElement>(".vis-network")!;
    frame.setAttribute("role", "application");
    frame.setAttribute("aria-label", "Graph of memories, rules, decisions and trades; the arrow keys lead from node to node, and the list tells the same");
    frame.addEventListener("keydown", this.#key);
    // The page scrolls on under the wheel, unless zooming is meant.
    place.addEventListener("wheel", (event) => this.full || event.ctrlKey || event.metaKey || event.stopPropagation(), { capture: true, passive: true });
    this.#size = new ResizeObserver(() => {
      const { clientWidth, clientHeight } = place;
      if (!clientWidth || !clientHeight) return;
      const [centre, scale] = [network.getViewPosition(), network.getScale()];
      network.setSize(`${clientWidth}px`, `${clientHeight}px`);
      network.redraw();
      network.moveTo({ position: centre, scale });
    });
    this.#size.observe(place);
    return network;
  }

  #draw(first: boolean): void {
    const { nodes, edges } = this.view!;
    this.#told = new Map(nodes.map((node) => [node.id, node]));
    const held = first ? new Map<string, Place>() : new Map(Object.entries(this.#network!.getPositions()));
    const found = places(this.view!, held);
    const at = (id: string): Place => this.#moved.get(id) ?? found.get(id)!;
    const known = new Set(nodes.map(({ id }) => id));
    const lines = new Set(edges.map(({ id }) => id));
    this.#edges.remove(this.#edges.getIds().filter((id) => !lines.has(String(id))));
    this.#nodes.remove(this.#nodes.getIds().filter((id) => !known.has(String(id))));
    this.#nodes.update(nodes.map((node) => ({ id: node.id, label: "", ...at(node.id), fixed: first ? { x: true, y: !isFree(node) } : false })));
    // Each memory is drawn to one place, not to the middle of all.
    const pulls = new Set([...nearest(this.view!).values()].map(({ id }) => id));
    this.#edges.update(edges.map(({ id, source, target, kind }) => ({
      id, from: source, to: target, dashes: DASHES[kind] ?? false, physics: pulls.has(id),
      ...(kind === "taught" ? { smooth: { enabled: true, type: "curvedCCW", roundness: 0.05 } } : {}),
    })));
    if (!first) return;
    // Where nothing shall move, and where nothing could, it is where it was reckoned to be.
    if (this.#motion() && nodes.some(isFree)) this.#settle();
    else this.#still();
  }

  /** A few hundred steps of physics for memories and rules, unseen; then no two are in one place. */
  #settle(): void {
    const network = this.#network!;
    network.once("stabilizationIterationsDone", () => {
      if (network !== this.#network) return;
      const settled = new Map(Object.entries(network.getPositions(this.view!.nodes.filter(isFree).map(({ id }) => id))));
      const found = places(this.view!, settled);
      this.#nodes.update([...settled.keys()].map((id) => ({ id, ...found.get(id)! })));
      this.#still();
    });
    network.setOptions({ physics: {
      enabled: true, solver: "repulsion", stabilization: { enabled: true, iterations: SETTLE, updateInterval: SETTLE, fit: false },
      repulsion: { nodeDistance: (SIZE.height + SIZE.gap) / 2, springLength: XS[1], springConstant: 0.02, centralGravity: 0 },
    } });
    network.stabilize(SETTLE);
  }

  #still(): void {
    this.#network!.setOptions({ physics: { enabled: false } });
    this.#nodes.update(this.#nodes.getIds().map((id) => ({ id, fixed: false })));
    this.#start();
    this.#reveal();
    this.toggleAttribute("still", true);
  }

  /** The newest, large enough to read, from the left. */
  #start(): void {
    const network = this.#network!;
    const { clientWidth, clientHeight } = this.querySelector<HTMLElement>(".canvas")!;
    const all = Object.values(network.getPositions());
    const [left, right] = [-SIZE.width / 2 - 12, XS[4] + SIZE.width / 2 + 12];
    const [top, bottom] = [Math.min(...all.map(({ y }) => y)), Math.max(...all.map(({ y }) => y))];
    const scale = Math.min(1, Math.max(LEAST, clientWidth / (right - left)));
    const seen = { width: clientWidth / scale, height: clientHeight / scale };
    const x = seen.width >= right - left ? (left + right) / 2 : left + seen.width / 2;
    const high = bottom - top + SIZE.height + 2 * HEAD;
    const y = high < seen.height ? (top + bottom) / 2 : top - SIZE.height / 2 - HEAD + seen.height / 2;
    network.moveTo({ position: { x, y }, scale, animation: false });
  }

  #light(): void {
    this.#lit = this.chosen && this.#told.has(this.chosen) ? chain(this.view!, this.chosen) : null;
    this.#network!.selectNodes(this.#lit ? [this.chosen!] : [], false);
    const { muted, accent, text } = this.#look;
    this.#edges.update(this.view!.edges.map(({ id, source, target, kind }) => {
      const led = kind !== "recalled" && kind !== "shown" && kind !== "taught";
      const lit = this.#lit?.has(source) && this.#lit.has(target);
      const plain = led ? faint(text, 0.75) : faint(muted, 0.32);
      const color = !this.#lit ? plain : lit ? (led ? text : accent) : faint(muted, 0.12);
      return { id, color: { color, highlight: color, hover: color, inherit: false }, width: lit ? 2 : 1.5 };
    }));
    this.#network!.redraw();
  }

  #reveal(): void {
    const network = this.#network!;
    if (!this.chosen || !this.#told.has(this.chosen)) return;
    const at = network.canvasToDOM(network.getPosition(this.chosen));
    const { clientWidth, clientHeight } = this.querySelector<HTMLElement>(".canvas")!;
    const [scale, centre] = [network.getScale(), network.getViewPosition()];
    const [x, y] = [inside(at.x, SIZE.width * scale, clientWidth), inside(at.y, SIZE.height * scale, clientHeight)];
    if (x || y) network.moveTo({ position: { x: centre.x + x / scale, y: centre.y + y / scale }, animation: this.#motion() });
  }

  #choose(id: string | null): void {
    this.dispatchEvent(new CustomEvent("choose", { detail: id }));
  }

  #key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const id = this.chosen;
    const nodes = this.view?.nodes ?? [];
    const step = ((): string | null | undefined => {
      if (!id || !this.#told.has(id)) return event.key.startsWith("Arrow") ? nodes.find(({ kind }) => kind === "decision")?.id : undefined;
      const { before, after } = beside(this.view!, id);
      if (event.key === "ArrowLeft") return before[0]?.id ?? id;
      if (event.key === "ArrowRight") return after.find(({ kind }) => kind !== "memory")?.id ?? after[0]?.id ?? id;
      if (event.key === "ArrowUp") return this.#next(id, -1);
      if (event.key === "ArrowDown") return this.#next(id, 1);
      return event.key === "Escape" && !this.full ? null : undefined;
    })();
    if (step !== undefined) this.#choose(step);
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** The next one up or down in the same column. */
  #next(id: string, way: 1 | -1): string {
    const all = Object.entries(this.#network!.getPositions());
    const here = this.#network!.getPosition(id);
    const beyond = all.filter(([, { x, y }]) => Math.abs(x - here.x) < SIZE.width / 2 && (y - here.y) * way > 0);
    return beyond.sort(([, one], [, other]) => (one.y - other.y) * way)[0]?.[0] ?? id;
  }

  #drawn = ({ ctx, id, x, y, state: { selected, hover } }: Drawing): Drawn => ({
    nodeDimensions: { width: SIZE.width, height: SIZE.height },
    drawNode: () => {
      const node = this.#told.get(id);
      if (!node) return;
      const { panel, text, muted, border, accent, [TONES[node.tone]]: tone } = this.#look;
      const [left, top] = [x - SIZE.width / 2, y - SIZE.height / 2];
      ctx.beginPath();
      ctx.roundRect(left, top, SIZE.width, SIZE.height, 6);
      ctx.fillStyle = panel;
      ctx.fill();
      ctx.globalAlpha = this.#lit && !this.#lit.has(id) ? 0.4 : 1;
      ctx.lineWidth = selected ? 2.5 : 1;
      ctx.strokeStyle = selected ? accent : hover ? muted : border;
      ctx.stroke();
      ctx.save();
      ctx.translate(left + 9, top + 13);
      ctx.scale(0.9, 0.9);
      ctx.fillStyle = tone;
      ctx.fill(this.#shape(node));
      ctx.restore();
      const room = SIZE.width - 33 - 6;
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      ctx.fillStyle = text;
      ctx.font = `600 13px ${FONT}`;
      ctx.fillText(cut(ctx, called(node), room), left + 33, top + 14);
      ctx.fillStyle = muted;
      ctx.font = `12px ${FONT}`;
      ctx.fillText(cut(ctx, under(node), room), left + 33, top + 31);
    },
  });

  #shape({ kind }: BrainNode): Path2D {
    const found = this.#shapes.get(kind) ?? new Path2D(SHAPES[kind]);
    this.#shapes.set(kind, found);
    return found;
  }
}

function isFree({ kind }: BrainNode): boolean {
  return kind === "memory" || kind === "rule";
}

/** What vis-network hands to whoever draws a node, and wants back. */
interface Drawing {
  readonly ctx: CanvasRenderingContext2D;
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly state: { readonly selected: boolean; readonly hover: boolean };
}

interface Drawn {
  readonly nodeDimensions: { readonly width: number; readonly height: number };
  drawNode(): void;
}

/** How far the view must move for a piece of this size around `at` to be in it, with some room. */
function inside(at: number, size: number, room: number): number {
  const edge = size / 2 + 16;
  return at < edge ? at - edge : at > room - edge ? at - room + edge : 0;
}

function cut(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  if (ctx.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && ctx.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return `${text.slice(0, length).trimEnd()}…`;
}

customElements.define("brain-graph", BrainGraph);
