/** How far an analysis is: steps as they are told, in order, each once. */
import type { DecisionView } from "./shapes";

export const STEPS = ["asked", "collecting", "analysing", "deciding", "executing", "done"] as const;
export type Step = (typeof STEPS)[number] | "failed";

/** `at`: the market's clock when it began. */
export interface Stepped {
  readonly step: Step;
  readonly at: string;
}

/** `id`: of the analysis, and of its decision. `said`: what came out, or what went wrong. */
export interface Analysis {
  readonly id: string;
  readonly isForced: boolean;
  readonly steps: readonly Stepped[];
  readonly said: string | null;
  readonly isDecided: boolean;
}

export interface Fresh {
  readonly id: string;
  readonly step: Step;
  readonly at: string;
  readonly said: string | null;
  readonly isForced: boolean;
}

type All = Readonly<Record<string, Analysis>>;

/** A step told late or twice changes nothing; of another analysis it begins anew, unless that was asked for while one runs. */
export function stepped(all: All, symbol: string, fresh: Fresh): All {
  const known = all[symbol];
  if (known?.id !== fresh.id) {
    if (known && fresh.step === "asked" && !hasEnded(known)) return all;
    const isDecided = fresh.step === "executing" || fresh.step === "done";
    return { ...all, [symbol]: { id: fresh.id, isForced: fresh.isForced, steps: [{ step: fresh.step, at: fresh.at }], said: fresh.said, isDecided } };
  }
  const last = known.steps.at(-1)?.step;
  if (last === "failed" && fresh.step !== "failed") {
    // Tried again: what it had reached before stands.
    const before = known.steps.filter(({ step }) => step !== "failed" && rank(step) < rank(fresh.step));
    return { ...all, [symbol]: { ...known, steps: [...before, { step: fresh.step, at: fresh.at }], said: fresh.said } };
  }
  if (last !== undefined && rank(fresh.step) <= rank(last)) {
    const isMore = fresh.step === last && fresh.said !== known.said;
    return isMore ? { ...all, [symbol]: { ...known, said: fresh.said } } : all;
  }
  return { ...all, [symbol]: { ...known, steps: [...known.steps, { step: fresh.step, at: fresh.at }], said: fresh.said } };
}

/** A decision ends its analysis, or goes on to be executed. */
export function decided(all: All, made: DecisionView, at: string): All {
  const step = made.action === "HOLD" ? "done" : "executing";
  const refused = made.refusals.length ? `, ${made.wanted ?? "nothing"} was refused` : "";
  const next = stepped(all, made.symbol, { id: made.id, step, at, said: `${made.action}${refused}`, isForced: made.is_forced });
  const known = next[made.symbol];
  return known?.id === made.id && !known.isDecided ? { ...next, [made.symbol]: { ...known, isDecided: true } } : next;
}

export function hasEnded({ steps }: Analysis): boolean {
  const last = steps.at(-1)?.step;
  return last === "done" || last === "failed";
}

function rank(step: Step): number {
  return step === "failed" ? STEPS.length : STEPS.indexOf(step);
}
