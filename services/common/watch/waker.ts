/** Lets one loop wait until something happens. What happens while it does not wait is not missed. */
export class Waker {
  #raised = false;
  #resolve: (() => void) | undefined;

  readonly wake = (): void => {
    this.#raised = true;
    this.#resolve?.();
  };

  /** Returns at once when something happened since the last wait ended; after `timeoutMs` at the latest. */
  async wait(timeoutMs: number): Promise<void> {
    if (!this.#raised) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#resolve = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#resolve = undefined;
    }
    this.#raised = false;
  }
}
