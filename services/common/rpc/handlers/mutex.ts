import { resourceExhausted } from "../../errors/errors.ts";

/** One after the other, in the order in which they came. */
export class Mutex {
  readonly #waitingMax: number;
  readonly #limitName: string;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: { waitingMax: number; limitName: string }) {
    this.#waitingMax = options.waitingMax;
    this.#limitName = options.limitName;
  }

  /** RESOURCE_EXHAUSTED when too many wait. */
  async run<R>(work: () => Promise<R>): Promise<R> {
    if (this.#waiting >= this.#waitingMax) {
      throw resourceExhausted(this.#limitName, `${this.#waitingMax} requests wait already: try again in a moment`);
    }
    this.#waiting += 1;
    const turn = this.#last.then(work).finally(() => (this.#waiting -= 1));
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
