/** What a panel does the first time that it comes into view: nothing is asked for what nobody looks at. */
import type { ReactiveController, ReactiveControllerHost } from "lit";

export class SeenFirst implements ReactiveController {
  readonly #host: ReactiveControllerHost & HTMLElement;
  #watch: IntersectionObserver | null = null;
  isSeen = false;

  constructor(host: ReactiveControllerHost & HTMLElement) {
    this.#host = host;
    host.addController(this);
  }

  hostConnected(): void {
    if (this.isSeen) return;
    this.#watch = new IntersectionObserver((told) => {
      if (!told.some(({ isIntersecting }) => isIntersecting)) return;
      this.isSeen = true;
      this.hostDisconnected();
      this.#host.requestUpdate();
    }, { rootMargin: "200px" });
    this.#watch.observe(this.#host);
  }

  hostDisconnected(): void {
    this.#watch?.disconnect();
    this.#watch = null;
  }
}
