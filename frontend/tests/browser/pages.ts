import { PAGES as ROUTED, pageHref } from "../../src/places";

/** What there is to look at: each page, and the panels that must stand on it. The one list that all page tests go by. */
export interface Place {
  readonly name: string;
  readonly path: string;
  /** `data-panel` of each that folds and fills; others may stand there as well. */
  readonly panels: readonly string[];
}

export const PAGES: readonly Place[] = ROUTED.map(({ id, rows }) => ({
  name: id, path: `/${pageHref(id)}`, panels: rows.flatMap((row) => row.flatMap(({ panels }) => [...panels])),
}));
export const WIDTHS = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
export const THEMES = ["dark", "light"] as const;
export type Width = keyof typeof WIDTHS;
export type Theme = (typeof THEMES)[number];
export const EACH = (["desktop", "phone"] as const).flatMap((width) => THEMES.map((theme) => [width, theme] as const));
