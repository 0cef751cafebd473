// Explores targets on worker threads, named ones first and then random ones, and adds up what comes back.
import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';

const PROGRESS_MS = 10_000;
/** Of the states asked for, what the named targets share; the rest goes to random ones. */
const NAMED_SHARE = 0.7;
const LEAST_LIMIT = 30;
const RANDOM_LIMIT = 2000;
/** Of one target, if the time or their number is bounded: many targets a little rather than few far. */
const SHARE_LIMIT = 60;

export class ExplorationRun {
  states = 0;
  targets = 0;
  failures = 0;
  byKind = new Map();
  /** States and targets, by module. */
  byModule = new Map();
  /** Targets that were chosen, whether or not the time was enough for them. */
  chosen = 0;
  #queue;
  #random;
  #deadline;
  #options;
  /** Jobs under way, by worker. */
  #running = new Map();

  /**
   * `states` at least, unless `only` leaves random targets out; with `seconds` or `targets`, a little of each of the
   * targets that the seed chooses. With `targets` these are the same on every machine.
   */
  constructor(modules, { states, seconds, targets, seed, only, verbose }) {
    this.#options = { states, verbose };
    const isShare = seconds !== undefined || targets !== undefined;
    const lists = modules.map((module) => jobsOf(module, { seed, only }));
    const ordered = interleaved(isShare ? lists.map((list) => shuffled(list, seed)) : lists);
    this.#queue = ordered.slice(0, targets);
    if (this.#queue.length === 0) throw new TypeError(`no target is called '${only ?? ''}'`);
    this.chosen = this.#queue.length;
    const share = (states * (only === undefined ? NAMED_SHARE : 1)) / this.#queue.length;
    for (const job of this.#queue) {
      job.limit = isShare ? SHARE_LIMIT : Math.max(LEAST_LIMIT, Math.floor(share), job.least);
    }
    this.#random = only === undefined && !isShare ? randomJobs(modules, seed) : [].values();
    this.#deadline = seconds === undefined ? Infinity : performance.now() + seconds * 1000;
    const much = seconds !== undefined ? `${seconds} s` : isShare ? 'a share' : `${states} states`;
    console.log(`${much}, seed ${seed}: ${this.#queue.length} targets of ${modules.map(({ name }) => name).join(', ')}`);
  }

  async go(workers) {
    const ticking = setInterval(() => {
      const live = [...this.#running.values()].reduce((sum, job) => sum + job.states, 0);
      console.log(`… ${this.states + live} states, ${this.failures} failures`);
    }, PROGRESS_MS);
    try {
      await Promise.all(Array.from({ length: workers }, () => this.#work()));
    } finally {
      clearInterval(ticking);
    }
  }

  #next() {
    if (performance.now() > this.#deadline) return undefined;
    const job = this.#queue.shift();
    if (job !== undefined || this.states >= this.#options.states) return job;
    return this.#random.next().value;
  }

  /** Resolves once there is nothing left to do; rejects if the thread dies, which is no target's failure. */
  #work() {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('worker.mjs', import.meta.url), { execArgv: ['--enable-source-maps'] });
      let job;
      const next = () => {
        job = this.#next();
        if (job === undefined) {
          void worker.terminate();
          resolve();
          return;
        }
        this.#running.set(worker, { states: 0, since: performance.now() });
        worker.postMessage(job);
      };
      worker.once('error', (cause) => {
        reject(new Error(`a thread died of ${replayOf(job)}`, { cause }));
      });
      worker.once('online', next);
      worker.on('message', (message) => {
        const running = this.#running.get(worker);
        running.states = message.states;
        if (message.type === 'progress') return;
        this.#running.delete(worker);
        this.#record(job, message, (performance.now() - running.since) / 1000);
        next();
      });
    });
  }

  #record(job, { name, states, byKind, failure }, seconds) {
    this.states += states;
    this.targets++;
    const module = this.byModule.get(job.module) ?? { states: 0, targets: 0 };
    this.byModule.set(job.module, { states: module.states + states, targets: module.targets + 1 });
    for (const [kind, more] of Object.entries(byKind)) this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + more);
    if (this.#options.verbose) console.log(`${String(states).padStart(8)} states ${seconds.toFixed(1).padStart(6)} s  ${name}`);
    if (failure === undefined) return;
    this.failures++;
    console.log(`\nFAILED ${name}\n${failure.message}\n${failure.stack}`);
    if (failure.schedule !== undefined) {
      console.log(`replay: npm run explore -- ${replayOf(job)} --replay ${quoted(JSON.stringify(failure.schedule))}\n`);
    }
  }
}

function replayOf({ module, name, random }) {
  return random === undefined ? `--target ${quoted(name)}` : `--random ${module}:${random}`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function jobsOf({ name: module, url, targets, statesEach = 0 }, { seed, only }) {
  const chosen = targets.filter(({ name }) => only === undefined || name.includes(only));
  return chosen.map(({ name }) => ({ module, url, name, seed, least: only === undefined ? statesEach : 0 }));
}

/** In an order that the seed decides, and nothing else. */
function shuffled(list, seed) {
  const key = ({ name }) => createHash('sha256').update(`${seed} ${name}`).digest('hex');
  return list.map((job) => [key(job), job]).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, job]) => job);
}

function interleaved(lists) {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
}

/** Without end; the modules that make random targets take turns. */
function* randomJobs(modules, seed) {
  const able = modules.filter(({ randomTarget }) => randomTarget !== undefined);
  for (let random = seed + 1; able.length > 0; random++) {
    const { name: module, url } = able[random % able.length];
    yield { module, url, random, seed: random, limit: RANDOM_LIMIT };
  }
}
