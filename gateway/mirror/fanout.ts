import type { Channel } from "./channel.ts";
import type { Observer } from "./observer.ts";

/**
 * The longest pause between two rounds of writes. A round costs a system call for each socket, so changes that come one by one while
 * rounds are long would cost a call each; what comes in a pause leaves together. The pause is as long as the round before it took: none
 * to speak of while observers are few, and none for a change that comes after a quiet time.
 */
export const FLUSH_PAUSE_MS_MAX = 4;
/** Turns of the event loop are not much shorter than this, so a shorter pause is the next turn. */
const PAUSE_MS_MIN = 1;
/** How long observers that catch up are led on in one turn, all together; then it is the turn of deltas and of other sockets. */
const CATCH_UP_MS_MAX = 5;

/** Gathers what happens in one turn of the event loop, or in a short pause, and sends it: one write per socket instead of one per frame. */
export class Fanout {
  readonly #due = new Set<Channel>();
  readonly #later = new Map<Observer, Channel>();
  #turn: NodeJS.Immediate | undefined;
  #pause: NodeJS.Timeout | undefined;
  #pauseEndMs = 0;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  schedule(channel: Channel): void {
    if (this.#due.has(channel)) return;
    this.#due.add(channel);
    if (this.#pause) return;
    const leftMs = this.#pauseEndMs - this.#nowMs();
    if (leftMs < PAUSE_MS_MIN) this.#nextTurn();
    else this.#pause = setTimeout(() => this.flush(), leftMs);
  }

  /** Goes on with an observer that catches up in the next turn. */
  pumpLater(channel: Channel, observer: Observer): void {
    this.#later.set(observer, channel);
    this.#nextTurn();
  }

  forget(observer: Observer): void {
    this.#later.delete(observer);
  }

  /** Sends what is due now. */
  flush(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    if (this.#due.size === 0) return;
    const startMs = this.#nowMs();
    for (const channel of this.#due) channel.flush();
    this.#due.clear();
    const endMs = this.#nowMs();
    this.#pauseEndMs = endMs + Math.min(endMs - startMs, FLUSH_PAUSE_MS_MAX);
  }

  #nextTurn(): void {
    if (this.#turn) return;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      if (!this.#pause) this.flush();
      this.#catchUp();
    });
  }

  #catchUp(): void {
    const endMs = this.#nowMs() + CATCH_UP_MS_MAX;
    // Whoever is not done is put behind the others, so the list is gone through once.
    let left = this.#later.size;
    for (const [observer, channel] of this.#later) {
      if (left-- === 0 || this.#nowMs() > endMs) break;
      this.#later.delete(observer);
      channel.pump(observer);
    }
    if (this.#later.size > 0) this.#nextTurn();
  }
}
