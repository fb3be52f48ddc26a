import { expect, test } from "vitest";
import { OneAtATime } from "../src/one-at-a-time";

test("of a burst the first and the last are asked, one after the other, and a failure stops nothing", async () => {
  const turn = new OneAtATime();
  const asked: number[] = [];
  const answer: (() => void)[] = [];
  const question = (number: number) => (): Promise<void> => {
    asked.push(number);
    return new Promise((told, refused) => answer.push(number % 2 ? refused : told));
  };
  for (let number = 1; number <= 1000; number += 1) turn.ask(question(number));
  expect(asked).toEqual([1]);

  answer[0]!();
  await Promise.resolve();
  await Promise.resolve();
  expect(asked).toEqual([1, 1000]);
  answer[1]!();
  await Promise.resolve();
  turn.ask(question(1001));
  expect(asked).toEqual([1, 1000, 1001]);
});
