/** Every free word of an answer becomes what a stranger would write there. */
import { readFileSync } from "node:fs";

const TEMPLATES = JSON.parse(readFileSync(new URL("../../tests/browser/payloads.json", import.meta.url), "utf8")) as string[];
/** Each says its own number when it runs, and asks `canary.example` for it when it can only ask. */
export const PAYLOADS: readonly string[] = TEMPLATES.map((words, number) => words.replaceAll("§", String(number)));
export const FOREIGN_SYMBOL = "\"><img src=x onerror=pwned(0)>/__proto__";
export const CANARY = "canary.example";

interface Described {
  readonly components: { readonly schemas: Readonly<Record<string, { readonly enum?: readonly string[]; readonly properties?: Readonly<Record<string, Enumerated>> }>> };
}
interface Enumerated { readonly enum?: readonly string[]; readonly anyOf?: readonly Enumerated[]; readonly $ref?: string }

/** Of each name the words that the API itself chooses from. */
function chosen(): Map<string, Set<string>> {
  const { schemas } = (JSON.parse(readFileSync(new URL("../openapi.json", import.meta.url), "utf8")) as Described).components;
  const found = new Map<string, Set<string>>();
  const words = (told: Enumerated): readonly string[] =>
    [...(told.enum ?? []), ...(told.anyOf ?? []).flatMap(words), ...(schemas[told.$ref?.split("/").at(-1) ?? ""]?.enum ?? [])];
  for (const { properties = {} } of Object.values(schemas))
    for (const [name, told] of Object.entries(properties)) found.set(name, new Set([...(found.get(name) ?? []), ...words(told)]));
  return found;
}
const CHOSEN = chosen();

/** Words of our own, by which the page finds its way, and what is no word at all. */
const OURS = new Set(["kind", "status", "side", "unit", "timeframe", "symbol", "symbols", "action", "wanted", "recalled", "rules", "perpetual", "id", "at", "type"]);
const NO_WORD = /^(-?\d+(\.\d+)?|\d{4}-\d\d-\d\d(T.+)?)$/;
/** So many of each name in an answer carry all of them at once; the others take turns. */
const FULL = 2;

export class Flood {
  #turn = 0;
  /** Whose sources and targets are ids. */
  #isGraph = false;
  readonly #all = PAYLOADS.join("\n\n");
  /** Of which pair every word is foreign, its name too. */
  readonly #symbol: string | null;

  constructor(symbol: string | null = null) {
    this.#symbol = symbol;
  }

  /** A fact comes often and in turn carries one; an answer carries them all. */
  over(path: string, body: unknown): unknown {
    this.#isGraph = path === "/api/brain";
    return this.#walk(body, "", path === "/ws" ? null : new Map());
  }

  #walk(value: unknown, name: string, seen: Map<string, number> | null): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#walk(each, name, seen));
    if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.#walk(inner, key, seen)]));
    if (typeof value !== "string" || NO_WORD.test(value)) return value;
    if (value === this.#symbol) return FOREIGN_SYMBOL;
    if (OURS.has(name) || CHOSEN.get(name)?.has(value) || (this.#isGraph && (name === "source" || name === "target")) || /_(id|at|sha256)$/.test(name)) return value;
    const count = seen ? (seen.get(name) ?? 0) + 1 : Infinity;
    seen?.set(name, count);
    // An address, a short name and a sentence each come whole as well as in a crowd.
    return count > FULL || name === "url" ? PAYLOADS[this.#turn++ % PAYLOADS.length] : this.#all;
  }
}
