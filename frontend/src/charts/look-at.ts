/** How near a picture is looked at, and where. Pure. */
export const CLOSEST = 8;

/** What is looked at: `scale` 1 fits the whole picture; `x`, `y` from the middle, in pixels of the screen. */
export interface Look {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const WHOLE: Look = { scale: 1, x: 0, y: 0 };

/** Nearer or farther, with the point under the pointer staying under it; never beyond the picture's edge. */
export function zoomed(look: Look, factor: number, at: { x: number; y: number }, size: Size): Look {
  const scale = Math.min(CLOSEST, Math.max(1, look.scale * factor));
  const grown = scale / look.scale;
  return held({ scale, x: at.x - (at.x - look.x) * grown, y: at.y - (at.y - look.y) * grown }, size);
}

export function held({ scale, x, y }: Look, { width, height }: Size): Look {
  const [most, highest] = [(width * (scale - 1)) / 2, (height * (scale - 1)) / 2];
  const within = (value: number, limit: number): number => Math.min(limit, Math.max(-limit, value)) + 0;
  return { scale, x: within(x, most), y: within(y, highest) };
}
