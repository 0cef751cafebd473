/** One state of an exploration: makes the machine, runs body and recovery under the events, then lets check() judge. */
import { PmemError } from '@safe-pmem/core';
import { type CrashChoice, keepAll } from '../crash.js';
import { BLOCK_BYTES, blocksIn, SECTOR_BYTES } from '../geometry.js';
import type { MockDriver } from '../mock-driver.js';
import type { MockOperation, OperationEffect } from '../operation.js';
import { answersOf, type Decide, decideBy } from './crash-answers.js';
import type { Exploration, Explored } from './exploration.js';
import { effectOf, faultsOf, isSameFault } from './fault-kinds.js';
import { type CrashEvent, END, type FaultKind, type ScheduledEvent } from './schedule.js';

/** A crash whose answers are found out while it happens; the record then holds them. */
export interface OpenCrash {
  readonly effect: 'open crash';
  readonly at: number;
  readonly operation?: string | undefined;
  readonly decide: Decide;
}

export type PlannedEvent = ScheduledEvent | OpenCrash;

/** A moment at which something can happen: an operation, an inner step, or the end of body or recovery. */
export interface Moment {
  readonly at: number;
  /** Undefined at an end. */
  readonly operation: MockOperation | undefined;
  /** Pages of files that have storage; only where it was asked for. */
  readonly pages: readonly PageOfFile[];
}

export interface PageOfFile {
  readonly path: string;
  readonly offset: number;
}

export interface RunRecord {
  readonly moments: readonly Moment[];
  /** The events as they happened, in order. */
  readonly events: readonly ScheduledEvent[];
  /** What the last crash left open. */
  readonly choices: readonly CrashChoice[];
  /** What is wrong with this state; undefined where nothing is. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Why the events do not fit the body; undefined where they do. */
  readonly misfit: string | undefined;
}

const OPERATION_LIMIT = 100_000;
const NO_PAGES: readonly PageOfFile[] = [];

export async function runEvents<State extends Explored>(
  exploration: Exploration<State>,
  seed: number,
  events: readonly PlannedEvent[],
  survey = false,
): Promise<RunRecord> {
  const run = new Run(exploration, await exploration.prep(seed), seed, events, survey);
  return run.go();
}

export function labelOf(moment: Pick<Moment, 'operation'>): string {
  const { operation } = moment;
  if (operation === undefined) return END;
  return operation.step === undefined ? operation.name : `${operation.name}:${operation.step}`;
}

class Run<State extends Explored> {
  readonly #exploration: Exploration<State>;
  readonly #state: State;
  readonly #seed: number;
  readonly #survey: boolean;
  #waiting: readonly PlannedEvent[];
  readonly #moments: Moment[] = [];
  readonly #happened: ScheduledEvent[] = [];
  readonly #persistent: FaultKind[] = [];
  #choices: CrashChoice[] = [];
  /** Power has failed, and what ran then has not ended yet. */
  #dark = false;
  #crashed = false;
  #endless = false;
  #misfit: string | undefined;
  #completeCrash: () => void = () => undefined;

  constructor(exploration: Exploration<State>, state: State, seed: number, events: readonly PlannedEvent[], survey: boolean) {
    this.#exploration = exploration;
    this.#state = state;
    this.#seed = seed;
    this.#waiting = events;
    this.#survey = survey;
  }

  async go(): Promise<RunRecord> {
    const { check } = this.#exploration;
    let failure: RunRecord['failure'];
    try {
      const error = await this.#disturbed();
      const schedule = { seed: this.#seed, events: this.#happened };
      await check(this.#state, { schedule, crashed: this.#crashed, error });
    } catch (error) {
      failure = { error };
    }
    const [left] = this.#waiting;
    if (left !== undefined) this.#misfit ??= `nothing happens at ${left.at}: ${this.#moments.length} moments were seen`;
    return {
      moments: this.#moments,
      events: this.#happened,
      choices: this.#choices,
      failure,
      misfit: this.#misfit,
    };
  }

  /** Body and recovery. Returns the error that one of them ended with where it is acceptable, else throws it. */
  async #disturbed(): Promise<unknown> {
    const { body, recover } = this.#exploration;
    const stop = this.#state.driver.observe((operation) => this.#observe(operation));
    try {
      let error = await this.#phase(body);
      while (this.#dark && recover !== undefined) {
        this.#dark = false;
        error = (await this.#phase(recover)) ?? error;
      }
      return error;
    } finally {
      stop();
    }
  }

  async #phase(part: (state: State) => unknown): Promise<unknown> {
    let problem: { readonly error: unknown } | undefined;
    try {
      await part(this.#state);
    } catch (error) {
      problem = { error };
    }
    if (this.#endless) throw new Error('it never ends', problem === undefined ? {} : { cause: problem.error });
    // Whatever a process says that has lost its power, nobody hears it.
    const heard = this.#dark ? undefined : problem;
    if (heard !== undefined && !(this.#happened.length > 0 && this.#isAcceptable(heard.error))) throw heard.error;
    if (!this.#dark) {
      const effect = this.#happen(undefined);
      if (effect !== undefined && 'crash' in effect) this.#state.driver.crash(effect.chooser);
    }
    if (this.#dark) this.#completeCrash();
    return heard?.error;
  }

  #isAcceptable(error: unknown): boolean {
    const { acceptable } = this.#exploration;
    return acceptable === undefined ? error instanceof PmemError : acceptable(error);
  }

  #observe(operation: MockOperation): OperationEffect | undefined {
    if (this.#dark) return { crash: true, chooser: keepAll };
    if (this.#moments.length >= (this.#exploration.operationLimit ?? OPERATION_LIMIT)) {
      this.#endless = true;
      this.#dark = true;
      return { crash: true, chooser: keepAll };
    }
    return this.#happen(operation);
  }

  /** Has the events of this moment happen, as far as the caller need not do it. */
  #happen(operation: MockOperation | undefined): OperationEffect | undefined {
    const moment: Moment = { at: this.#moments.length + 1, operation, pages: this.#survey ? pagesOf(this.#state.driver) : NO_PAGES };
    this.#moments.push(moment);
    let effect = this.#lasting(operation);
    while (this.#waiting[0]?.at === moment.at) {
      const [event, ...later] = this.#waiting;
      this.#waiting = later;
      effect = this.#start(event, moment) ?? effect;
    }
    return effect;
  }

  #lasting(operation: MockOperation | undefined): OperationEffect | undefined {
    if (this.#persistent.length === 0 || operation === undefined) return undefined;
    const possible = (this.#exploration.faults ?? faultsOf)(operation);
    const fault = this.#persistent.find((lasting) => possible.some((kind) => isSameFault(kind, lasting)));
    return fault === undefined ? undefined : effectOf(fault);
  }

  #start(event: PlannedEvent, moment: Moment): OperationEffect | undefined {
    const operation = labelOf(moment);
    if (event.operation !== undefined && event.operation !== operation) {
      this.#misfit ??= `at ${moment.at} there is ${operation}, not ${event.operation}`;
    }
    switch (event.effect) {
      case 'poison':
        this.#note({ ...event, operation });
        this.#poison(event.path, event.offset, event.length, event.latent === true);
        return undefined;
      case 'crash':
        return this.#powerFails(moment.at, operation, decideBy(event), true);
      case 'open crash':
        return this.#powerFails(moment.at, operation, event.decide, false);
      default:
        if (moment.operation === undefined) this.#misfit ??= `at ${moment.at} there is nothing that could fail`;
        if (event.persistent === true) this.#persistent.push(event);
        this.#note({ ...event, operation });
        return effectOf(event);
    }
  }

  #powerFails(at: number, operation: string, decide: Decide, exact: boolean): OperationEffect {
    const answers: number[] = [];
    const choices: CrashChoice[] = [];
    this.#choices = choices;
    this.#dark = true;
    this.#crashed = true;
    this.#persistent.length = 0;
    // Complete only once the machine has asked, which is before anybody but onEvent() sees it.
    const event: { -readonly [Key in keyof CrashEvent]: CrashEvent[Key] } = { at, operation, effect: 'crash', rest: 'lose' };
    this.#note(event);
    this.#completeCrash = () => Object.assign(event, answersOf(answers, choices));
    return {
      crash: true,
      chooser: (choice) => {
        const wanted = decide(choice, choices.length);
        const answer = Math.max(0, Math.min(wanted, choice.alternatives - 1));
        if (exact && answer !== wanted) {
          this.#misfit ??= `a crash choice at ${at} has ${choice.alternatives} alternatives, not ${wanted + 1}`;
        }
        choices.push(choice);
        answers.push(answer);
        return answer;
      },
    };
  }

  #note(event: ScheduledEvent): void {
    this.#happened.push(event);
    this.#exploration.onEvent?.(this.#state, event);
  }

  /** Poisons what has storage. */
  #poison(path: string, offset: number, length: number, latent: boolean): void {
    const { driver } = this.#state;
    if (!driver.listFiles().includes(path)) return;
    for (let at = offset; at < offset + length; at += SECTOR_BYTES) {
      if (driver.physicalOf(path, at) !== undefined) driver.poison(path, { offset: at, length: 1 }, { latent });
    }
  }
}

function pagesOf(driver: MockDriver): PageOfFile[] {
  return driver.listFiles().flatMap((path) => {
    const offsets = Array.from({ length: blocksIn(driver.readFile(path).length) }, (_, page) => page * BLOCK_BYTES);
    return offsets.filter((offset) => driver.physicalOf(path, offset) !== undefined).map((offset) => ({ path, offset }));
  });
}
