import { describe, expect, test } from "vitest";
import {
  NONE, age, arrow, between, compact, duration, fixed, instant, minus, money, multiple, number, price, quantity, ratio, sign, significant, sum, time, usd,
} from "../src/format";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("figures", () => {
  test("a stated figure keeps six digits that say something, whatever its size", () => {
    expect(significant(15128.66)).toBe("15128.7");
    expect(significant(0.0000091)).toBe("0.0000091");
    expect(significant(-4.4e-7)).toBe("\u22124.4e\u22127");
    expect(significant(Number.NaN)).toBe(NONE);
  });

  test("what a question costs keeps the digits of small sums", () => {
    expect(plain(usd("0.003"))).toBe("0.0030 USD");
    expect(plain(usd("0.000042"))).toBe("0.000042 USD");
    expect(plain(usd("0"))).toBe("0.00 USD");
    expect(plain(usd("12.5"))).toBe("12.50 USD");
    expect(usd(null)).toBe(NONE);
  });

  test("a decimal string is rounded as text, so that no digit is lost to a float", () => {
    expect(fixed("9007199254740993.125", 2)).toBe("9,007,199,254,740,993.13");
    expect(fixed("1.005", 2)).toBe("1.01");
    expect(fixed("0.1", 20)).toBe("0.10000000000000000000");
  });

  test("Python's exponents are read", () => {
    expect(fixed("1E+3", 0)).toBe("1,000");
    expect(fixed("0E-8", 2)).toBe("0.00");
    expect(fixed("12.5e-2", 3)).toBe("0.125");
    expect(fixed(1e-7, 8)).toBe("0.00000010");
  });

  test("what rounds to zero has no sign", () => {
    expect(money("-0.001", "USDC", true)).toBe("0.00\u00a0USDC");
    expect(ratio(-0.000001)).toBe("0.00\u00a0%");
  });

  test("gains and losses carry their sign", () => {
    expect(plain(money("1234.5", "USDC", true))).toBe("+1,234.50 USDC");
    expect(plain(money("-1234.5", "USDC", true))).toBe("−1,234.50 USDC");
    expect([arrow("+3.00"), arrow("−3.00"), arrow("0.00")]).toEqual(["▲", "▼", ""]);
    expect([sign(fixed("-0.01", 2, { signed: true })), sign(fixed("0.001", 2, { signed: true })), sign(NONE)]).toEqual([-1, 0, 0]);
  });

  test("a price has the decimals that its size deserves", () => {
    expect(price("64210.5")).toBe("64,210.50");
    expect(price("145.234")).toBe("145.23");
    expect(price("1.23456")).toBe("1.2346");
    expect(price("0.00001234")).toBe("0.00001234");
    expect(price("0.5")).toBe("0.5000");
  });

  test("a ratio becomes per cent without float dust", () => {
    expect(plain(ratio(0.0125))).toBe("1.25 %");
    expect(plain(ratio(0.07, 0))).toBe("7 %");
    expect(plain(ratio("0.5", 1, true))).toBe("+50.0 %");
  });

  test("what is not known is a dash, never zero", () => {
    expect([fixed(null, 2), money(undefined), ratio(null), number(NaN), price("abc"), quantity(null), multiple(null, "R"), duration(null), time(null), instant("junk")])
      .toEqual(Array.from({ length: 10 }, () => NONE));
  });

  test("quantities drop the zeros that say nothing", () => {
    expect([quantity("0.100000"), quantity("12.5"), quantity("100"), quantity("1500.7"), quantity("0.0000004")]).toEqual(["0.1", "12.5", "100", "1,500.7", "0.0000004"]);
  });

  test("money is added up to the last digit, and what is no figure makes no sum", () => {
    expect(minus("10044.785", "10000")).toBe("44.785");
    expect([minus("9999.995", "10000"), minus("1", "-0.1"), minus("0.1", "0.1")]).toEqual(["-0.005", "1.1", "0.0"]);
    expect(sum(["0.1", "0.2", "-0.30", "1e-8"])).toBe("0.00000001");
    expect([sum([]), sum(["1", null]), minus("1", undefined)]).toEqual(["0", null, null]);
    // As shown: equity and net round the same way.
    expect([fixed("10044.785", 2), fixed(minus("10044.785", "10000"), 2, { signed: true })]).toEqual(["10,044.79", "+44.79"]);
  });

  test("large counts are short", () => {
    expect([compact(950), compact(12_345), compact(4_560_000), compact(999_950)].map(plain)).toEqual(["950", "12.3 k", "4.56 M", "1.00 M"]);
  });
});

describe("time", () => {
  test("a duration is said in its two largest units", () => {
    expect([45_000, 600_000, 7_800_000, 90_000_000].map((ms) => plain(duration(ms)))).toEqual(["45 s", "10 min", "2 h 10 min", "1 d 1 h"]);
    expect(plain(between("2025-03-12T10:00:00+00:00", "2025-03-12T12:30:00+00:00"))).toBe("2 h 30 min");
  });

  test("instants are told in UTC, whatever the machine's zone", () => {
    expect(plain(time("2025-03-12T23:05:00+00:00"))).toBe("12 Mar 23:05");
    expect(instant("2025-03-13T01:05:09+02:00")).toBe("2025-03-12 23:05:09 UTC");
  });

  test("an age is reckoned by the market's clock", () => {
    expect(plain(age("2025-03-12T10:00:00+00:00", "2025-03-12T14:00:00+00:00"))).toBe("4 h ago");
    expect(age("2025-03-12T10:00:00+00:00", null)).toBe(NONE);
  });
});
