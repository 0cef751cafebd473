/** An exploration: how to make the machine, what runs on it, how it starts again, and what must hold after that. */
import type { MockDriver } from '../driver/mock-driver.js';
import type { MockProcess } from '../driver/mock-process.js';
import type { MockOperation } from '../driver/operation.js';
import type { InjectedFault, Schedule, ScheduledEvent } from './schedule.js';

/** The result of prep(): the machine, and anything that body, recover and check share. */
export interface Explored {
  readonly driver: MockDriver;
}

/** The outcome of the body. */
export interface Outcome {
  /** The events that happened to the machine. */
  readonly schedule: Schedule;
  /** Power failed at least once: every file that was open then is dead. */
  readonly crashed: boolean;
  /** The acceptable error that body or recover ended with, if any; of several bodies the first. */
  readonly error: unknown;
  /** Processes of bodies that were killed. */
  readonly killed: readonly string[];
}

/** The options of an exploration. */
export interface ExplorationParts<State extends Explored> {
  /** Makes a new machine and all that the body starts from. Nothing happens to it. `seed` is the exploration's. */
  readonly prep: (seed: number) => State | Promise<State>;
  /**
   * Starts again after power has failed. It is explored too: power may fail in it, and it is called again then. It
   * should close what it opens. If it is absent, check() starts on the machine as the crash has left it.
   */
  readonly recover?: ((state: State) => unknown) | undefined;
  /** Judges: throws if something is wrong. Nothing happens to the machine any more. */
  readonly check: (state: State, outcome: Outcome) => unknown;
  /** Told of each event just before it takes effect, so that the state can keep account of it. */
  readonly onEvent?: ((state: State, event: ScheduledEvent) => void) | undefined;
  /**
   * Says whether the body, or recover, may end with this error once something was made to fail. PmemError alone by
   * default. Any other error is a failure; so is every error of an undisturbed run.
   */
  readonly acceptable?: ((error: unknown) => boolean) | undefined;
  /** Returns the ways in which an operation can fail, in place of `faultsOf`. */
  readonly faults?: ((operation: MockOperation) => readonly InjectedFault[]) | undefined;
  /** Operations and steps after which body and recovery together count as never ending. 100 000 by default. */
  readonly operationLimit?: number | undefined;
  /**
   * Actions that other processes may take on the machine between any two system calls, by name: `{ rotate: ({ driver })
   * => driver.rename(…) }`. Each may keep account in the state. If the machine refuses (MockSystemError), nothing
   * happened.
   */
  readonly outside?: Readonly<Record<string, (state: State) => void>> | undefined;
}

/**
 * The three parts of an exploration, and some optional ones. All are run once per state and may be asynchronous. They
 * must depend on the machine alone: no clock, no randomness of their own. All files live on the one machine that prep()
 * returns.
 */
export interface Exploration<State extends Explored> extends ExplorationParts<State> {
  /** The code that is explored. It has to await all that it starts, and must not go on after a SimulatedCrash. */
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
