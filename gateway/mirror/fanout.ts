import type { Channel } from "./channel.ts";

/** Gathers what happens in one turn of the event loop and sends it at its end: one write per socket instead of one per frame. */
export class Fanout {
  readonly #due = new Set<Channel>();
  #immediate: NodeJS.Immediate | undefined;

  schedule(channel: Channel): void {
    this.#due.add(channel);
    this.#immediate ??= setImmediate(() => this.flush());
  }

  flush(): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    for (const channel of this.#due) channel.flush();
    this.#due.clear();
  }
}
