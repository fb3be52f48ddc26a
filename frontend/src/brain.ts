/** The graph of memories, decisions and trades, put in order: what belongs together, where it is drawn, what is beside it. */
import { arrow, money, multiple, price, quoteOf, ratio, time } from "./format";
import type { BrainEdge, BrainNode, BrainView } from "./shapes";

export type Kind = BrainNode["kind"];

/** A step of a story; before a decision, what was recalled and shown for it. */
export interface Step {
  readonly node: BrainNode;
  readonly because: readonly BrainNode[];
}

/** A trade from its first decision to what it taught, or a refusal. */
export interface Story {
  readonly id: string;
  readonly steps: readonly Step[];
  readonly entry: BrainNode | null;
  readonly close: BrainNode | null;
  readonly taught: BrainNode | null;
}

export interface Place {
  x: number;
  y: number;
}

export const NAMES: Readonly<Record<Kind, string>> = {
  memory: "Memory", rule: "Rule", decision: "Decision", entry: "Entry", update: "Update", close: "Close", refusal: "Refusal",
};

/** One shape a kind, in a square of 20: the same on the canvas, in the list and in the legend. */
export const SHAPES: Readonly<Record<Kind, string>> = {
  memory: "M10 3a7 7 0 1 1 0 14a7 7 0 1 1 0-14z",
  rule: "M4 4h12v12H4z",
  decision: "M10 2l8 8-8 8-8-8z",
  entry: "M5 3l12 7-12 7z",
  update: "M10 1l6 7H4zM10 19l-6-7h12z",
  close: "M6 3h8l4 7-4 7H6l-4-7z",
  refusal: "M5 3l5 5 5-5 2 2-5 5 5 5-2 2-5-5-5 5-2-2 5-5-5-5z",
};

const COLUMNS: Readonly<Record<Kind, number>> = { memory: 0, rule: 0, decision: 1, entry: 2, refusal: 2, update: 3, close: 4 };
const WITHIN: ReadonlySet<BrainEdge["kind"]> = new Set(["opened", "moved", "closed", "refused"]);

export const SIZE = { width: 178, height: 44, row: 58, between: 26, gap: 10 } as const;
/** Most lines run between the first two: they have room to part. */
export const XS = [0, 312, 520, 724, 928] as const;

function isStep({ kind }: BrainNode): boolean {
  return kind !== "memory" && kind !== "rule";
}

/** Newest story first, as they are told; in each the steps by time. */
export function stories({ nodes, edges }: BrainView): Story[] {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const root = new Map(nodes.filter(isStep).map(({ id }) => [id, id]));
  const top = (id: string): string => {
    for (let at = id; ; at = root.get(at)!) if (root.get(at) === at) return at;
  };
  for (const { kind, source, target } of edges)
    if (WITHIN.has(kind) && root.has(source) && root.has(target)) root.set(top(target), top(source));
  const because = new Map<string, BrainNode[]>();
  const taught = new Map<string, BrainNode>();
  for (const { kind, source, target } of edges) {
    const [from, to] = [known.get(source), known.get(target)];
    if ((kind === "recalled" || kind === "shown") && from) because.set(target, [...(because.get(target) ?? []), from]);
    if (kind === "taught" && to) taught.set(source, to);
  }
  const groups = new Map<string, BrainNode[]>();
  for (const node of nodes) if (isStep(node)) groups.set(top(node.id), [...(groups.get(top(node.id)) ?? []), node]);
  return [...groups].map(([id, members]) => {
    const steps = members
      .sort((one, other) => Date.parse(one.at) - Date.parse(other.at) || COLUMNS[one.kind] - COLUMNS[other.kind])
      .map((node) => ({ node, because: because.get(node.id) ?? [] }));
    const close = members.find(({ kind }) => kind === "close") ?? null;
    return { id, steps, entry: members.find(({ kind }) => kind === "entry") ?? null, close, taught: (close && taught.get(close.id)) ?? null };
  });
}

/** Of each memory or rule, the line to the newest decision that it led to; else the one that it came by. */
export function nearest({ nodes, edges }: BrainView): Map<string, BrainEdge> {
  const made = new Map(nodes.map(({ id, at }) => [id, Date.parse(at)]));
  const found = new Map<string, BrainEdge>();
  for (const edge of edges) {
    if (edge.kind === "taught") {
      if (!found.has(edge.target)) found.set(edge.target, edge);
    } else if (edge.kind === "recalled" || edge.kind === "shown") {
      const known = found.get(edge.source);
      if (!known || known.kind === "taught" || made.get(known.target)! < made.get(edge.target)!) found.set(edge.source, edge);
    }
  }
  return found;
}

/** Columns by kind, rows by story; memories and rules as near to the newest they led to as they fit. `held`: where they were. */
export function places(view: BrainView, held: ReadonlyMap<string, Place> = new Map()): Map<string, Place> {
  const found = new Map<string, Place>();
  const put = ({ id, kind }: BrainNode, y: number): void => void found.set(id, { x: XS[COLUMNS[kind]]!, y });
  const cause = new Map<string, string>();
  for (const { kind, source, target } of view.edges) if (WITHIN.has(kind) && source.startsWith("decision:")) cause.set(target, source);
  let y = 0;
  for (const { steps } of stories(view)) {
    const first = y;
    for (const { node } of steps) {
      if (node.kind !== "decision") continue;
      put(node, y);
      y += SIZE.row;
    }
    const last = Math.max(first, y - SIZE.row);
    for (const { node } of steps) {
      const at = found.get(cause.get(node.id) ?? "")?.y;
      if (node.kind !== "decision") put(node, at ?? (node.kind === "close" ? last : first));
    }
    y = last + SIZE.row + SIZE.between;
  }
  // What was drawn before stays where it was, as far as the newest of it says.
  const stayed = [...found].find(([id]) => held.has(id));
  const shift = stayed ? held.get(stayed[0])!.y - stayed[1].y : 0;
  for (const place of found.values()) place.y += shift;
  const lines = nearest(view);
  const wanted = view.nodes.filter((node) => !isStep(node)).map((node) => {
    const line = lines.get(node.id);
    const near = line && found.get(line.kind === "taught" ? line.source : line.target);
    return { node, y: held.get(node.id)?.y ?? near?.y ?? shift };
  });
  const apart = spread(wanted.map((one) => one.y), SIZE.height + SIZE.gap, Math.min(...[...found.values()].map((place) => place.y)));
  wanted.forEach(({ node }, place) => put(node, apart[place]!));
  return found;
}

/** The nearest heights to these that are so far apart, none above `top`: neighbours that are too near part alike. */
export function spread(wanted: readonly number[], gap: number, top = -Infinity): number[] {
  const order = wanted.map((_, place) => place).sort((one, other) => wanted[one]! - wanted[other]! || one - other);
  const blocks: { sum: number; count: number }[] = [];
  order.forEach((place, rank) => {
    let block = { sum: wanted[place]! - rank * gap, count: 1 };
    for (let before = blocks.at(-1); before && before.sum / before.count > block.sum / block.count; before = blocks.at(-1)) {
      blocks.pop();
      block = { sum: before.sum + block.sum, count: before.count + block.count };
    }
    blocks.push(block);
  });
  const found: number[] = [];
  let rank = 0;
  for (const { sum, count } of blocks)
    for (let n = 0; n < count; n += 1, rank += 1) found[order[rank]!] = Math.max(sum / count, top) + rank * gap;
  return found;
}

/** What is shown with a chosen node: its whole story and what that was made from; of a memory or rule, all that it touches. */
export function chain(view: BrainView, id: string): Set<string> {
  const story = stories(view).find(({ steps }) => steps.some(({ node }) => node.id === id));
  const found = new Set<string>([id]);
  if (story) {
    for (const { node, because } of story.steps) for (const { id: one } of [node, ...because]) found.add(one);
    if (story.taught) found.add(story.taught.id);
  } else
    for (const { source, target } of view.edges) {
      if (source === id) found.add(target);
      if (target === id) found.add(source);
    }
  return found;
}

export function beside({ nodes, edges }: BrainView, id: string): { readonly before: BrainNode[]; readonly after: BrainNode[] } {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const told = (ids: string[]): BrainNode[] => ids.map((one) => known.get(one)).filter((node) => node !== undefined);
  return {
    before: told(edges.filter(({ target }) => target === id).map(({ source }) => source)),
    after: told(edges.filter(({ source }) => source === id).map(({ target }) => target)),
  };
}

/** The line under a node's title. */
export function under(node: BrainNode): string {
  const marked = (text: string): string => `${arrow(text)} ${text}`.trim();
  const result = (): string => (node.r_multiple === null ? ratio(node.return_ratio, 2, true) : multiple(node.r_multiple, "R", true));
  switch (node.kind) {
    case "memory":
    case "rule":
      return `${marked(result())} · ${time(node.at).split(" ")[0]}`;
    case "entry":
      return `at ${price(node.price)}`;
    case "update":
      return node.title.startsWith("Target") ? `target ${price(node.target_price)}` : `stop ${price(node.stop_price)}`;
    case "close":
      return marked(money(node.pnl_quote, quoteOf(node.symbol ?? ""), true));
    case "decision":
    case "refusal":
      return time(node.at);
  }
}

/** As a node is called where it stands alone. */
export function called(node: BrainNode): string {
  return node.kind === "decision" && node.symbol ? `${node.title} ${node.symbol}` : node.title;
}
