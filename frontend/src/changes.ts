/** What is other in a text than in an older one, line by line, in lines that `+`, `−` and a space begin. Pure. */
import { diffLines } from "diff";

export interface Line {
  readonly mark: "+" | "−" | " ";
  readonly text: string;
}

/** A run of equal lines that was left out. */
export interface Skipped {
  readonly mark: "…";
  readonly lines: number;
}

/** Equal lines that are shown beside a change. */
const AROUND = 2;
/** Beyond so many changes the two are simply two texts. */
const MOST = 4000;

/** Null: too different to be told line by line. */
export function changes(older: string, newer: string): readonly (Line | Skipped)[] | null {
  const parts = diffLines(asLines(older), asLines(newer), { maxEditLength: MOST });
  if (!parts) return null;
  const lines = parts.flatMap(({ value, added, removed }) =>
    value.replace(/\n$/, "").split("\n").map((text): Line => ({ mark: added ? "+" : removed ? "−" : " ", text })));
  return folded(paired(lines));
}

export function counted(lines: readonly (Line | Skipped)[]): { readonly added: number; readonly removed: number } {
  const of = (mark: string): number => lines.filter((line) => line.mark === mark).length;
  return { added: of("+"), removed: of("−") };
}

/** One line each field where it is JSON, and an end to the last line, so that it is not other for its want. */
function asLines(text: string): string {
  try {
    const told: unknown = JSON.parse(text);
    if (typeof told === "object" && told !== null) text = JSON.stringify(told, null, 2);
  } catch {
    // It is words.
  }
  return text.endsWith("\n") ? text : `${text}\n`;
}

/** As many gone as come: most likely the same lines with other figures, read best one under the other. */
function paired(lines: readonly Line[]): Line[] {
  const told: Line[] = [];
  for (let at = 0; at < lines.length; ) {
    const run = (mark: string, from: number): number => {
      let length = 0;
      while (lines[from + length]?.mark === mark) length += 1;
      return length;
    };
    const gone = run("−", at);
    const come = run("+", at + gone);
    const whole = Math.max(1, gone + come);
    if (gone && gone === come) for (let place = at; place < at + gone; place += 1) told.push(lines[place]!, lines[place + gone]!);
    else told.push(...lines.slice(at, at + whole));
    at += whole;
  }
  return told;
}

function folded(lines: readonly Line[]): (Line | Skipped)[] {
  const near = (at: number): boolean => lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(({ mark }) => mark !== " ");
  const told: (Line | Skipped)[] = [];
  lines.forEach((line, at) => {
    const last = told.at(-1);
    if (near(at)) told.push(line);
    else if (last?.mark === "…") told[told.length - 1] = { mark: "…", lines: last.lines + 1 };
    else told.push({ mark: "…", lines: 1 });
  });
  return told;
}
