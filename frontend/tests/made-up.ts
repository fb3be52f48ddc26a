/** An answer of the shape that the API's own description gives it, for questions that no test asks by hand. */
import { readFileSync } from "node:fs";
import { NOW, SYMBOLS, iso } from "./history";

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
}

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>>;
}

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const API = JSON.parse(readFileSync(new URL("../openapi.json", import.meta.url), "utf8")) as Described;
const ITEMS = 6;
const DEEPEST = 9;
const MONEY = /(price|quote|usd|quantity|value|rate_ratio|annualized_ratio)$/;

/** Of the path as it was asked; null: the API describes no such one. */
export function madeUp(method: string, path: string): { status: number; body: unknown } | null {
  const described = Object.entries(API.paths).find(([template, asked]) => asked[method.toLowerCase()] && like(template).test(path));
  const answers = described?.[1][method.toLowerCase()]?.responses ?? {};
  for (const [status, { content }] of Object.entries(answers)) {
    const schema = content?.["application/json"]?.schema;
    if (Number(status) < 300 && schema) return { status: Number(status), body: make(schema, "", 0, 0) };
  }
  return null;
}

function like(template: string): RegExp {
  return new RegExp(`^${template.replace(/\{[^}]+\}/g, ".+")}$`);
}

function make(schema: Schema, name: string, place: number, depth: number): unknown {
  if (schema.$ref) return make(API.components.schemas[schema.$ref.split("/").at(-1)!]!, name, place, depth);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[place % schema.enum.length];
  const among = schema.anyOf ?? schema.oneOf;
  if (among) return make(among[0]!, name, place, depth);
  switch (schema.type) {
    case "object": {
      const told = Object.entries(schema.properties ?? {}).map(([key, inner]) => [key, make(inner, key, place, depth + 1)]);
      const more = typeof schema.additionalProperties === "object" ? [["alpha", make(schema.additionalProperties, name, place, depth + 1)]] : [];
      return Object.fromEntries([...told, ...more]);
    }
    case "array": {
      if (schema.prefixItems) return schema.prefixItems.map((inner) => make(inner, name, place, depth + 1));
      const length = depth > DEEPEST || !schema.items ? 0 : ITEMS;
      return Array.from({ length }, (_, at) => make(schema.items!, name, at, depth + 1));
    }
    case "string": return text(schema, name, place);
    case "integer": return name.endsWith("_s") ? 3600 * (place + 1) : 3 + ((place * 7) % 40);
    case "number": return /ratio|share|similarity|low|high|p_up|brier/.test(name) ? ((place * 37 + 21) % 100) / 100 : 1.5 + place;
    case "boolean": return place % 2 === 0;
    default: return null;
  }
}

function text({ format }: Schema, name: string, place: number): string {
  if (format === "date-time") return iso(NOW - place * 3_600_000);
  if (format === "date") return iso(NOW - place * 86_400_000).slice(0, 10);
  if (MONEY.test(name)) return (12.5 + place).toFixed(2);
  if (name === "symbol" || name === "symbols") return SYMBOLS[place % SYMBOLS.length]!;
  if (/^id$|_id$/.test(name)) return `${name}-${place}`;
  if (name === "url") return `https://news.example/${place}`;
  return `${name.replaceAll("_", " ")} ${place + 1}`;
}
