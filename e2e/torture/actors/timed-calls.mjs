// How long the calls of a driver take: what of an operation's time the filesystem had, and what the processor.
const TIMED = ['persist', 'persistAsync', 'persistRanges', 'persistRangesAsync', 'sync', 'resize', 'preallocate'];
/** Shorter ones explain nothing. */
const LEAST_MS = 5;
const KEPT = 2000;

export class TimedCalls {
  /** The last ones that took long: name, begun, ended. */
  #calls = [];

  constructor(driver) {
    const open = driver.open.bind(driver);
    driver.open = async (...options) => {
      const outcome = await open(...options);
      if (outcome.file !== undefined) for (const name of TIMED) this.#time(outcome.file, name);
      return outcome;
    };
  }

  /** In words: how much of the time since `begun` some call was under way, and the longest of them. */
  since(begun) {
    const calls = this.#calls.filter(({ ended }) => ended > begun).sort((a, b) => a.begun - b.begun);
    let [covered, until] = [0, begun];
    for (const call of calls) {
      covered += Math.max(0, call.ended - Math.max(until, call.begun));
      until = Math.max(until, call.ended);
    }
    const longest = calls.reduce((most, { name, begun: from, ended }) => {
      return ended - from > most.ms ? { name, ms: ended - from } : most;
    }, { name: '', ms: 0 });
    if (calls.length === 0) return `no call of the driver took ${LEAST_MS} ms`;
    const most = `${Math.round(longest.ms)} in one ${longest.name}`;
    return `${Math.round(covered)} ms of it in ${calls.length} calls of the driver, ${most}`;
  }

  #time(file, name) {
    const call = file[name];
    if (typeof call !== 'function') return;
    file[name] = (...given) => {
      const begun = performance.now();
      const outcome = call.apply(file, given);
      if (!(outcome instanceof Promise)) this.#note(name, begun);
      else
        void outcome.finally(() => {
          this.#note(name, begun);
        });
      return outcome;
    };
  }

  #note(name, begun) {
    const ended = performance.now();
    if (ended - begun < LEAST_MS) return;
    this.#calls.push({ name, begun, ended });
    if (this.#calls.length > KEPT) this.#calls.splice(0, KEPT / 2);
  }
}
