/** What is explored: how to make the machine, what runs on it, how it starts again, and what must hold afterwards. */
import type { MockDriver } from '../driver/mock-driver.js';
import type { MockProcess } from '../driver/mock-process.js';
import type { MockOperation } from '../driver/operation.js';
import type { InjectedFault, Schedule, ScheduledEvent } from './schedule.js';

/** What prep() returns: the machine, and beside it whatever body, recover and check share. */
export interface Explored {
  readonly driver: MockDriver;
}

/** What became of the body. */
export interface Outcome {
  /** What has happened to the machine; without events, nothing. */
  readonly schedule: Schedule;
  /** Power failed at least once: every file that was open then is dead. */
  readonly crashed: boolean;
  /** The acceptable error that body or recover ended with, if any; of several bodies the first. */
  readonly error: unknown;
  /** Processes of bodies that were killed. */
  readonly killed: readonly string[];
}

/** What an exploration has besides what it explores. */
export interface ExplorationParts<State extends Explored> {
  /** Makes a new machine and all that the body starts from. Nothing happens to it. `seed` is the exploration's. */
  readonly prep: (seed: number) => State | Promise<State>;
  /**
   * Starts again after power has failed; explored too, that is, power may fail in it, and it is then called anew. It
   * should close what it opens. Where it is absent, check() starts on the machine as the crash has left it.
   */
  readonly recover?: ((state: State) => unknown) | undefined;
  /** Judges: throws where something is wrong. Nothing happens to the machine any more. */
  readonly check: (state: State, outcome: Outcome) => unknown;
  /** Told of each event just before it takes effect, so that the state can keep account of it. */
  readonly onEvent?: ((state: State, event: ScheduledEvent) => void) | undefined;
  /**
   * Whether the body, or recover, may end with this error once something was made to fail. PmemError alone by
   * default. Any other error is a failure; so is every error of an undisturbed run.
   */
  readonly acceptable?: ((error: unknown) => boolean) | undefined;
  /** How an operation can fail, in place of `faultsOf`. */
  readonly faults?: ((operation: MockOperation) => readonly InjectedFault[]) | undefined;
  /** Operations and steps after which body and recovery together count as never ending. 100 000 by default. */
  readonly operationLimit?: number | undefined;
  /**
   * What other processes may do to the machine between any two system calls, by name: `{ rotate: ({ driver }) =>
   * driver.rename(…) }`. Each may keep account in the state. Where the machine refuses (MockSystemError), nothing happened.
   */
  readonly outside?: Readonly<Record<string, (state: State) => void>> | undefined;
}

/**
 * The three parts of an exploration, and some optional ones. All are run once per state and may be asynchronous. What
 * they do must follow from the machine alone: no clock, no randomness of their own. All files live on the one machine
 * that prep() returns.
 */
export interface Exploration<State extends Explored> extends ExplorationParts<State> {
  /** What is explored. It has to await all that it starts, and must not go on after a SimulatedCrash. */
  readonly body: (state: State) => unknown;
}

/** Runs in a process of its own; see Exploration.body for what it has to keep to. */
export type InterleavedBody<State extends Explored> = (state: State, process: MockProcess) => unknown;

/** An exploration of two or three bodies that run side by side: see everyInterleaving(). */
export interface Interleaving<State extends Explored> extends ExplorationParts<State> {
  /**
   * Body 1 runs in `driver.process('a')`, body 2 in `'b'`, body 3 in `'c'`, and each has to open its files there, itself or
   * in prep(). Errors that come of running side by side (ERR_PMEM_LOCKED for instance) are the body's to handle.
   */
  readonly bodies: readonly InterleavedBody<State>[];
}

export type Explorable<State extends Explored> = Exploration<State> | Interleaving<State>;

/** Counts so far. */
export interface Progress {
  /** Schedules run, each of them different. */
  readonly states: number;
  /** States by what happened in them: `none`, `crash`, `poison+crash`, `errno` … */
  readonly byKind: Readonly<Record<string, number>>;
}

export interface ExplorationReport extends Progress {
  readonly seed: number;
  /** Operations and steps of the undisturbed body. */
  readonly operations: number;
  /** Nothing was left out: no limit was met, and every crash was explored exhaustively. */
  readonly complete: boolean;
}

export interface ExploreOptions {
  /** Decides every sample. 1 by default. */
  readonly seed?: number | undefined;
  /** Most states to explore. What exceeds it is sampled evenly. */
  readonly limit?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** States between two calls of onProgress. 1000 by default. */
  readonly progressEvery?: number | undefined;
  /** Most runs that shrinking a failure may take. 2000 by default. */
  readonly shrinkRuns?: number | undefined;
}
