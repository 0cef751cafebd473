/** One waiter, who sleeps until something happens or the time is over. */
export class WakeUp {
  #wake: (() => void) | undefined;

  /** Ends the sleep, if somebody sleeps. */
  now(): void {
    this.#wake?.();
  }

  async sleep(limitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
