/** What a case works with: actors, files, errors, and a note of everything that was seen. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { HugePages } from '@safe-pmem/core';
import type { InjectorClient } from '../jobs/injector-client.js';
import type { JobContext } from '../protocol.js';
import { page } from '../scenarios/file-steps.js';
import { badPage, filePages, touchedByte, touches, type AccessName } from './accesses.js';
import type { ActorPool } from './actor-pool.js';
import type { ActorOptions, ActorProcess } from './actor-process.js';
import { deviceOffset, writtenFile } from './guest-files.js';
import type { CaseResult, InjectionRequest } from './questions.js';

/** Has the host inject an error, and resolves when the processor has it. */
export type Inject = (request: InjectionRequest) => Promise<void>;

/** An open file of an actor: where it is mapped, and which page of it the mapping begins with. */
export interface Mapped {
  readonly actor: ActorProcess;
  readonly name: string;
  readonly address: bigint;
  readonly firstPage: number;
}

/** What reading page by page gives where exactly that page is a media error. */
export const onlyBadPage = 'oooooMoooooooooo';
export const allGood = 'o'.repeat(filePages);

/** A worker of the kernel's puts an error on the list, and finds the processes that have mapped what no program touched. */
const workerMs = 1000;
const listedMs = 10_000;

/** What all stages of a job share. */
export interface StageMeans {
  readonly context: JobContext;
  readonly injector: InjectorClient;
  readonly inject: Inject;
  readonly pool: ActorPool;
}

export class Stage {
  readonly context: JobContext;
  readonly injector: InjectorClient;
  readonly #inject: Inject;
  readonly #pool: ActorPool;
  /** Of the case alone. */
  readonly directory: string;
  readonly #actors: ActorProcess[] = [];
  readonly #observed: Record<string, string> = {};
  readonly #problems: string[] = [];

  constructor(name: string, { context, injector, inject, pool }: StageMeans) {
    this.context = context;
    this.injector = injector;
    this.#inject = inject;
    this.#pool = pool;
    this.directory = path.join(context.mountPoint, name.replaceAll(' ', '-'));
    mkdirSync(this.directory);
  }

  /** The kernel puts consumed errors on its list of bad blocks: it does for devices that firmware describes. */
  get listsConsumedErrors(): boolean {
    return this.context.device === 'unclearable';
  }

  written(name: string, pages = filePages, hugePages?: HugePages): Promise<string> {
    return writtenFile(this.directory, name, pages, hugePages);
  }

  actor(options: ActorOptions = {}): ActorProcess {
    const actor = this.#pool.take(options);
    this.#actors.push(actor);
    return actor;
  }

  async opened(actor: ActorProcess, name: string, file: string, hugePages?: HugePages): Promise<Mapped> {
    const address = await (hugePages === undefined ? actor.call('open', name, file) : actor.call('open', name, file, hugePages));
    return { actor, name, address: BigInt(`0x${address}`), firstPage: 0 };
  }

  async viewed({ actor, name }: Mapped): Promise<Mapped> {
    return { actor, name, address: BigInt(`0x${await actor.call('view', name)}`), firstPage: badPage - 1 };
  }

  /** The actor does `access` until it hits an error that is injected there; what it was told. */
  async consume(file: string, { actor, name, address, firstPage }: Mapped, how: AccessName): Promise<string> {
    const physicalAddress = await this.#physical(file);
    const first = address + BigInt(page(badPage - firstPage));
    const trigger = { access: touches[how], page: first.toString(16), address: (first + BigInt(touchedByte)).toString(16) };
    const injected = this.#inject({ kind: 'action-required', physicalAddress, trigger });
    const outcome = actor.call('accessUntilError', name, how, badPage).catch(words);
    await injected;
    return outcome;
  }

  /** An error in the page that no program has touched. */
  async discover(file: string): Promise<void> {
    await this.#inject({ kind: 'action-optional', physicalAddress: await this.#physical(file), trigger: undefined });
    await delay(workerMs);
    await this.settled(file);
  }

  /** Root enters the page into the kernel's list. */
  async list(file: string): Promise<void> {
    await this.injector.inject((await deviceOffset(file, badPage)) / 512, 8);
  }

  /** Root enters the page by the command that people have; what it says of it, in its last line. */
  async reported(file: string): Promise<string> {
    const { stdout } = await this.injector.safePmem('report', file, String(page(badPage)), '--yes');
    return stdout.trim().split('\n').at(-1) ?? '';
  }

  /** Resolves when the kernel has listed the error, where it does. */
  async settled(file: string): Promise<void> {
    if (!this.listsConsumedErrors) return;
    const sector = (await deviceOffset(file, badPage)) / 512;
    const deadline = Date.now() + listedMs;
    while (Date.now() < deadline) {
      const listed = readFileSync('/sys/block/pmem0/badblocks', 'utf8').split('\n').map((line) => line.split(' ').map(Number));
      if (listed.some(([first = 0, count = 0]) => first < sector + 8 && sector < first + count)) return;
      await delay(50);
    }
  }

  /** Notes what was seen. */
  note(what: string, seen: string): void {
    this.#observed[what] = seen;
  }

  /** Notes what was seen, and that it is not what was promised. */
  expect(what: string, seen: string, promised: string | RegExp | readonly string[]): void {
    this.note(what, seen);
    const kept = promised instanceof RegExp ? promised.test(seen) : [promised].flat().includes(seen);
    if (!kept) this.#problems.push(`${what}: ${seen}, promised: ${[promised].flat().join(' or ')}`);
  }

  /** Lets go of the actors; what the case found out. */
  async finish(name: string, failure?: unknown): Promise<CaseResult> {
    for (const actor of this.#actors) {
      if (actor.death !== undefined) this.#problems.push(`a process died: ${actor.death}`);
      await this.#pool.giveBack(actor);
    }
    if (failure !== undefined) this.#problems.push(`could not go on: ${words(failure)}`);
    return { name, observed: this.#observed, problems: this.#problems };
  }

  async #physical(file: string): Promise<number> {
    return this.context.deviceAddress + (await deviceOffset(file, badPage));
  }
}

function words(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
