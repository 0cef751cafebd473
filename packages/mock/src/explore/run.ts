/** One state of an exploration: makes the machine, runs body and recovery under the events, then lets check() judge. */
import { PmemError } from '@safe-pmem/core';
import { type CrashChoice, keepAll } from '../hardware/crash.js';
import { SECTOR_BYTES } from '../hardware/geometry.js';
import { machineOf } from '../driver/machine-of.js';
import { MockSystemError } from '../driver/mock-system-error.js';
import type { MockOperation, OperationEffect } from '../driver/operation.js';
import { answersOf, type Decide, decideBy } from './crash-answers.js';
import type { Explorable, Explored, Interleaving } from './exploration.js';
import { effectOf, faultsOf, isSameFault } from './injected-faults.js';
import { isInterruptible, labelOf, type Moment, pagesOf } from './moments.js';
import { Scheduler, type TurnChoice } from './scheduler.js';
import type { CrashEvent, InjectedFault, ScheduledEvent } from './schedule.js';

/** A crash whose answers are found out while it happens; the record then holds them. */
export interface OpenCrash {
  readonly effect: 'open crash';
  readonly at: number;
  readonly operation?: string | undefined;
  readonly decide: Decide;
}

export type PlannedEvent = ScheduledEvent | OpenCrash;

export interface RunRecord {
  readonly moments: readonly Moment[];
  /** The events as they happened, in order. */
  readonly events: readonly ScheduledEvent[];
  /** The choices that the last crash left open. */
  readonly choices: readonly CrashChoice[];
  /** The error of this state; undefined if it holds. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Why the events do not fit the body; undefined if they do. */
  readonly mismatch: string | undefined;
}

const OPERATION_LIMIT = 100_000;
const NONE: readonly never[] = [];
const PROCESS_NAMES = 'abcdefghijklmnop';

export async function runEvents<State extends Explored>(
  exploration: Explorable<State>,
  seed: number,
  events: readonly PlannedEvent[],
  survey = false,
): Promise<RunRecord> {
  const run = new Run(exploration, await exploration.prep(seed), seed, events, survey);
  return run.go();
}

/** The process of the body with this index. */
function processName(index: number): string {
  return PROCESS_NAMES.charAt(index);
}

class Run<State extends Explored> {
  readonly #exploration: Explorable<State>;
  readonly #state: State;
  readonly #seed: number;
  readonly #survey: boolean;
  #waiting: readonly PlannedEvent[];
  readonly #moments: Moment[] = [];
  readonly #happened: ScheduledEvent[] = [];
  readonly #persistent: InjectedFault[] = [];
  #choices: CrashChoice[] = [];
  /** Power has failed, and what ran then has not ended yet. */
  #isPowerOff = false;
  #crashed = false;
  #endless = false;
  #mismatch: string | undefined;
  #completeCrash: () => void = () => undefined;
  #scheduler: Scheduler | undefined;
  /** The moment of the operation that another process's call happens in. */
  #visited: number | undefined;
  /** The answer that #choose() gives next; undefined: the first. */
  #wanted: string | undefined;
  readonly #killed: string[] = [];
  /** An action from outside threw what the machine has not refused. */
  #broken: { readonly error: unknown } | undefined;

  constructor(exploration: Explorable<State>, state: State, seed: number, events: readonly PlannedEvent[], survey: boolean) {
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
      if (this.#broken !== undefined) throw this.#broken.error;
      await check(this.#state, { schedule, crashed: this.#crashed, error, killed: this.#killed });
    } catch (error) {
      failure = { error };
    }
    const [left] = this.#waiting;
    if (left !== undefined) {
      this.#mismatch ??= `nothing happens at ${left.at}: ${this.#moments.length} moments were seen`;
    }
    return {
      moments: this.#moments,
      events: this.#happened,
      choices: this.#choices,
      failure,
      mismatch: this.#mismatch,
    };
  }

  /** Runs body and recovery. Returns the error that one of them ended with if it is acceptable, else throws it. */
  async #disturbed(): Promise<unknown> {
    const { recover } = this.#exploration;
    const stop = this.#state.driver.observe((operation) => this.#observe(operation));
    try {
      let error = await this.#phase('bodies' in this.#exploration ? () => this.#sideBySide() : this.#exploration.body);
      while (this.#isPowerOff && recover !== undefined) {
        this.#isPowerOff = false;
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
    // Errors of a process that has lost its power are not heard.
    const heard = this.#isPowerOff ? undefined : problem;
    const disturbed = this.#happened.some(({ effect }) => effect !== 'turn');
    if (heard !== undefined && !(disturbed && this.#isAcceptable(heard.error))) throw heard.error;
    if (!this.#isPowerOff) {
      const effect = this.#happen(undefined);
      if (effect !== undefined && 'crash' in effect) this.#state.driver.crash(effect.chooser);
    }
    if (this.#isPowerOff) this.#completeCrash();
    return heard?.error;
  }

  /** Runs all bodies of an interleaving. Rejects with the first error of one that is alive. */
  async #sideBySide(): Promise<void> {
    const { bodies } = this.#exploration as Interleaving<State>;
    const { driver } = this.#state;
    const machine = machineOf(driver);
    const before = machine.turns;
    const scheduler = new Scheduler((choice) => this.#choose(choice));
    this.#scheduler = scheduler;
    machine.turns = scheduler;
    try {
      const running = bodies.map((body, index): [string, () => Promise<unknown>] => {
        const process = driver.process(processName(index));
        return [process.name, () => process.turn().then(() => body(this.#state, process))];
      });
      const outcomes = await scheduler.run(new Map(running));
      const failed = outcomes.find((outcome, index) => outcome.status === 'rejected' && !scheduler.isDead(processName(index)));
      if (failed?.status === 'rejected') throw failed.reason;
    } finally {
      machine.turns = before;
      this.#scheduler = undefined;
    }
  }

  #choose(choice: TurnChoice): string | undefined {
    if (this.#isEndless()) {
      this.#state.driver.crash('keep-all');
      this.#scheduler?.powerFails();
      return undefined;
    }
    this.#wanted = undefined;
    this.#happen(undefined, choice);
    return this.#wanted;
  }

  #isAcceptable(error: unknown): boolean {
    const { acceptable } = this.#exploration;
    return acceptable === undefined ? error instanceof PmemError : acceptable(error);
  }

  #observe(operation: MockOperation): OperationEffect | undefined {
    if (this.#isPowerOff) return { crash: true, chooser: keepAll };
    if (this.#isEndless()) {
      this.#scheduler?.powerFails();
      return { crash: true, chooser: keepAll };
    }
    return this.#happen(operation);
  }

  #isEndless(): boolean {
    if (this.#moments.length < (this.#exploration.operationLimit ?? OPERATION_LIMIT)) return false;
    this.#endless = true;
    this.#isPowerOff = true;
    return true;
  }

  /** Has the events of this moment happen, as far as the caller need not do it. */
  #happen(operation: MockOperation | undefined, choice?: TurnChoice): OperationEffect | undefined {
    const scheduler = this.#scheduler;
    const visitors = operation === undefined ? undefined : scheduler?.visitors(operation.process);
    const moment: Moment = {
      at: this.#moments.length + 1,
      operation,
      pages: this.#survey && choice === undefined ? pagesOf(this.#state.driver) : NONE,
      turn: choice?.next,
      alternatives: choice?.alternatives ?? (isInterruptible(operation) ? (visitors ?? NONE) : NONE),
      before: this.#visited,
      living: scheduler?.living ?? NONE,
    };
    this.#moments.push(moment);
    let effect = this.#lasting(operation);
    while (this.#waiting[0]?.at === moment.at) {
      const [event, ...later] = this.#waiting;
      this.#waiting = later;
      effect = this.#start(event, moment) ?? effect;
    }
    if (effect !== undefined && 'crash' in effect) scheduler?.powerFails();
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
      this.#mismatch ??= `at ${moment.at} there is ${operation}, not ${event.operation}`;
    }
    if (moment.turn !== undefined && event.effect !== 'turn') {
      this.#mismatch ??= `at ${moment.at} there is a choice, and no operation`;
      return undefined;
    }
    switch (event.effect) {
      case 'turn':
        this.#note({ ...event, operation });
        this.#turnTo(event.to, moment);
        return undefined;
      case 'kill':
        this.#note({ ...event, operation });
        this.#kill(event.process, moment);
        return undefined;
      case 'outside':
        this.#note({ ...event, operation });
        this.#fromOutside(event.action, moment);
        return undefined;
      case 'poison':
        this.#note({ ...event, operation });
        this.#poison(event.path, event.offset, event.length, event.latent === true);
        return undefined;
      case 'crash':
        return this.#powerFails(moment.at, operation, decideBy(event), true);
      case 'open crash':
        return this.#powerFails(moment.at, operation, event.decide, false);
      default:
        if (moment.operation === undefined) this.#mismatch ??= `at ${moment.at} there is nothing that could fail`;
        if (event.persistent === true) this.#persistent.push(event);
        this.#note({ ...event, operation });
        return effectOf(event);
    }
  }

  #powerFails(at: number, operation: string, decide: Decide, exact: boolean): OperationEffect {
    const answers: number[] = [];
    const choices: CrashChoice[] = [];
    this.#choices = choices;
    this.#isPowerOff = true;
    this.#crashed = true;
    this.#persistent.length = 0;
    // Complete only after the machine has asked, which is before any code but onEvent() sees it.
    const event: { -readonly [Key in keyof CrashEvent]: CrashEvent[Key] } = { at, operation, effect: 'crash', rest: 'lose' };
    this.#note(event);
    this.#completeCrash = () => Object.assign(event, answersOf(answers, choices));
    return {
      crash: true,
      chooser: (choice) => {
        const wanted = decide(choice, choices.length);
        const answer = Math.max(0, Math.min(wanted, choice.alternatives - 1));
        if (exact && answer !== wanted) {
          this.#mismatch ??= `a crash choice at ${at} has ${choice.alternatives} alternatives, not ${wanted + 1}`;
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

  #turnTo(to: string, moment: Moment): void {
    if (!moment.alternatives.includes(to)) this.#mismatch ??= `at ${moment.at} no call of ${to} waits`;
    else if (moment.turn !== undefined) this.#wanted = to;
    else {
      this.#visited = moment.at;
      this.#scheduler?.visit(to);
      this.#visited = undefined;
    }
  }

  #kill(name: string, moment: Moment): void {
    if (!moment.living.includes(name)) {
      this.#mismatch ??= `at ${moment.at} no process ${name} runs`;
      return;
    }
    this.#killed.push(name);
    this.#scheduler?.abandon(name);
    this.#state.driver.process(name).kill();
  }

  #fromOutside(action: string, moment: Moment): void {
    const act = this.#exploration.outside?.[action];
    if (act === undefined || !isInterruptible(moment.operation)) {
      this.#mismatch ??= `at ${moment.at} '${action}' cannot be done`;
      return;
    }
    try {
      act(this.#state);
    } catch (error) {
      if (!(error instanceof MockSystemError)) this.#broken ??= { error };
    }
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
