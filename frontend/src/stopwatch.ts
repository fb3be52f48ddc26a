/** Milliseconds since the page began, the machine's sleep among them: `performance.now()` may stand still meanwhile. */
let [ran, read, slept] = [performance.now(), Date.now(), 0];
/** Less is the clock's own adjustment. */
const ASLEEP_MS = 2_000;

export function elapsed(): number {
  const [running, reading] = [performance.now(), Date.now()];
  const more = reading - read - (running - ran);
  if (more > ASLEEP_MS) slept += more;
  [ran, read] = [running, reading];
  return running + slept;
}
