/** One question at a time: of whatever is wished meanwhile, the last is asked when the answer is there. A burst of facts is two questions. */
export class OneAtATime {
  #isAsking = false;
  #next: (() => Promise<unknown>) | null = null;

  ask(question: () => Promise<unknown>): void {
    if (this.#isAsking) {
      this.#next = question;
      return;
    }
    this.#isAsking = true;
    const done = (): void => {
      this.#isAsking = false;
      const next = this.#next;
      this.#next = null;
      if (next) this.ask(next);
    };
    question().then(done, done);
  }
}
