import { describe, expect, test } from "vitest";
import { WHOLE, held, zoomed } from "../src/charts/look-at";

const SIZE = { width: 800, height: 600 };

describe("a picture looked at from near", () => {
  test("what is under the pointer stays under it", () => {
    const near = zoomed(WHOLE, 2, { x: 100, y: -50 }, SIZE);
    expect(near).toEqual({ scale: 2, x: -100, y: 50 });
    // The point of the picture at 100 from its middle is drawn at 2 · 100 − 100.
    expect(near.scale * 100 + near.x).toBe(100);
  });

  test("it is never smaller than whole, nor nearer than eight times", () => {
    expect(zoomed(WHOLE, 0.1, { x: 9, y: 9 }, SIZE)).toEqual(WHOLE);
    expect(zoomed(WHOLE, 100, { x: 0, y: 0 }, SIZE).scale).toBe(8);
  });

  test("nobody is led beyond its edge", () => {
    expect(held({ scale: 2, x: 9999, y: -9999 }, SIZE)).toEqual({ scale: 2, x: 400, y: -300 });
    expect(held({ scale: 1, x: 30, y: 30 }, SIZE)).toEqual(WHOLE);
  });
});
