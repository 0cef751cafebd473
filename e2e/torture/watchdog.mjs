// Says what is going on, and ends a run that does not get on: a hang is a finding like any other.

const PROGRESS_MS = 5000;

export class Watchdog {
  #since = performance.now();
  #begun = performance.now();
  #what = 'starting';
  #timer;

  /** `status()` is the line of progress; `onHang(what)` is called once, if something takes longer than `limitMs`. */
  constructor({ limitMs, status, onHang }) {
    this.#timer = setInterval(() => {
      const tookMs = performance.now() - this.#since;
      console.log(`${this.elapsed()} s: ${status()}; ${this.#what}, for ${(tookMs / 1000).toFixed(1)} s`);
      if (tookMs > limitMs) {
        this.stop();
        onHang(`${this.#what} did not end within ${limitMs / 1000} s`);
      }
    }, PROGRESS_MS);
  }

  elapsed() {
    return Math.round((performance.now() - this.#begun) / 1000);
  }

  /** What happens from now on. */
  watch(what) {
    this.#what = what;
    this.#since = performance.now();
  }

  stop() {
    clearInterval(this.#timer);
  }
}
