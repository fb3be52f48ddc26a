/** What can be done here by a key or by its name. Pure. */

export interface Command {
  readonly name: string;
  /** Other words people look for it by. */
  readonly also?: string;
  readonly group: "Go to" | "Pair" | "Panel" | "Do" | "Look";
  /** The single key that does it, as the keyboard names it. */
  readonly key?: string;
  run(): void;
}

/** Those that hold every word, the ones whose name begins with them first; without words all of them, as they came. */
export function matching(commands: readonly Command[], words: string): readonly Command[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return commands;
  const rank = ({ name, also, group }: Command): number => {
    const lower = name.toLowerCase();
    const all = `${lower} ${also?.toLowerCase() ?? ""} ${group.toLowerCase()}`;
    if (!wanted.every((word) => all.includes(word))) return -1;
    return lower.startsWith(wanted[0]!) ? 2 : wanted.every((word) => lower.includes(word)) ? 1 : 0;
  };
  return commands.map((command) => ({ command, is: rank(command) })).filter(({ is }) => is >= 0)
    .sort((one, other) => other.is - one.is).map(({ command }) => command);
}

/** The key that was struck, when it is meant for the page: alone, and not into a field or onto something that takes keys itself. */
export function struck(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "defaultPrevented" | "target">): string | null {
  const { key, ctrlKey, metaKey, altKey, defaultPrevented, target } = event;
  if (defaultPrevented || ctrlKey || metaKey || altKey) return null;
  const on = target as Partial<HTMLElement> | null;
  if (on?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(on?.tagName ?? "")) return null;
  return key;
}
