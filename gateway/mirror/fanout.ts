import type { Channel } from "./channel.ts";
import type { Observer } from "./observer.ts";

/** Gathers what happens in one turn of the event loop and sends it at its end: one write per socket instead of one per frame. */
export class Fanout {
  readonly #due = new Set<Channel>();
  readonly #later = new Map<Observer, Channel>();
  #immediate: NodeJS.Immediate | undefined;

  schedule(channel: Channel): void {
    this.#due.add(channel);
    this.#immediate ??= setImmediate(() => this.flush());
  }

  /** Goes on with an observer that catches up in the next turn. */
  pumpLater(channel: Channel, observer: Observer): void {
    this.#later.set(observer, channel);
    this.#immediate ??= setImmediate(() => this.flush());
  }

  forget(observer: Observer): void {
    this.#later.delete(observer);
  }

  flush(): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    for (const channel of this.#due) channel.flush();
    this.#due.clear();
    const later = [...this.#later];
    this.#later.clear();
    for (const [observer, channel] of later) channel.pump(observer);
  }
}
