/** Runs states, counts them, and turns the first that fails into an ExplorationFailure with a small schedule. */
import { Random } from '../random.js';
import type { Explorable, ExplorationReport, Explored, ExploreOptions, Progress } from './exploration.js';
import { ExplorationFailure } from './exploration-failure.js';
import { type PlannedEvent, type RunRecord, runEvents } from './run.js';
import { kindOf } from './schedule.js';
import { shrink } from './shrink.js';

const PROGRESS_EVERY = 1000;
const SHRINK_RUNS = 2000;

export class Explorer<State extends Explored> {
  readonly exploration: Explorable<State>;
  readonly limit: number;
  readonly random: Random;
  /** Something was left to chance, or left out. */
  sampled = false;
  readonly #name: string;
  readonly #seed: number;
  readonly #options: ExploreOptions;
  readonly #byKind = new Map<string, number>();
  #states = 0;
  #operations = 0;

  constructor(name: string, exploration: Explorable<State>, options: ExploreOptions, defaultLimit: number) {
    this.#name = name;
    this.exploration = exploration;
    this.#options = options;
    this.#seed = checkedInteger(options.seed ?? 1, Number.MIN_SAFE_INTEGER, 'seed');
    this.limit = options.limit === undefined ? defaultLimit : checkedInteger(options.limit, 1, 'limit');
    this.random = new Random(this.#seed);
  }

  get states(): number {
    return this.#states;
  }

  get left(): number {
    return this.limit - this.#states;
  }

  /**
   * Returns the states that each of `remaining` events may use for its followers, the events themselves not counted;
   * `end`: the last state.
   */
  shareOf(remaining: number, end = this.limit): number {
    return Math.max(0, end - this.#states - (remaining - 1)) / remaining;
  }

  /** The undisturbed run. `survey`: with the pages that there are at each moment. */
  async clean(survey: boolean): Promise<RunRecord> {
    const record = await this.run([], survey);
    this.#operations = record.moments.length - 1;
    return record;
  }

  /** Runs one more state. Throws ExplorationFailure if it fails. */
  async run(events: readonly PlannedEvent[], survey = false): Promise<RunRecord> {
    const record = await runEvents(this.exploration, this.#seed, events, survey);
    this.#count(record);
    if (record.mismatch !== undefined) {
      const schedule = JSON.stringify({ seed: this.#seed, events: record.events });
      const message = `${this.#name}: the body does not follow from the machine alone: ${record.mismatch}, after ${schedule}`;
      throw new Error(message, record.failure === undefined ? {} : { cause: record.failure.error });
    }
    if (record.failure === undefined) return record;
    const shrunk = await shrink(this.exploration, this.#seed, record, this.#options.shrinkRuns ?? SHRINK_RUNS);
    throw new ExplorationFailure(this.#name, this.#seed, this.#states, record, shrunk.record, shrunk.runs);
  }

  /** All of `items`, or an even sample of `most` of them, in their order. */
  sample<Item>(items: readonly Item[], most: number): readonly Item[] {
    if (items.length <= most) return items;
    this.sampled = true;
    const indexes = new Set<number>();
    while (indexes.size < most) indexes.add(this.random.below(items.length));
    return [...indexes].sort((a, b) => a - b).map((index) => items[index] as Item);
  }

  report(): ExplorationReport {
    this.#options.onProgress?.(this.#progress());
    return { ...this.#progress(), seed: this.#seed, operations: this.#operations, complete: !this.sampled };
  }

  #count(record: RunRecord): void {
    const kind = record.events.length === 0 ? 'none' : record.events.map(kindOf).join('+');
    this.#byKind.set(kind, (this.#byKind.get(kind) ?? 0) + 1);
    this.#states++;
    if (this.#states % (this.#options.progressEvery ?? PROGRESS_EVERY) === 0) this.#options.onProgress?.(this.#progress());
  }

  #progress(): Progress {
    return { states: this.#states, byKind: Object.fromEntries([...this.#byKind].sort(([a], [b]) => (a < b ? -1 : 1))) };
  }
}

function checkedInteger(value: number, least: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new RangeError(`${name} must be an integer of at least ${least}, got ${value}`);
}
