/** What a person chose here, kept by the browser for the next visit; where it keeps nothing, it holds until the page is left. */
const PREFIX = "semsig-";

export function keep(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Storage refused.
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Storage refused.
  }
}

export function kept(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

/** Only what is still one of these: a choice may be older than the page. */
export function keptAmong<T extends string>(key: string, among: readonly T[]): T | null {
  const value = kept(key);
  return among.find((one) => one === value) ?? null;
}
