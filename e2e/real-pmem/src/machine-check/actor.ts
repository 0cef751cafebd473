/**
 * A process that does to mapped files what it is told, and may die of it. With `--worker` a worker thread of it does.
 * Started by the machine-check job, which it answers over node's own channel.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { ByteRange, Driver, HugePages, PmemView, RepairOptions } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { part } from '../repair/content.js';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { access, wholeContent, WrongBytes, type AccessName } from './accesses.js';
import type { ActorAnswer, ActorCallName, ActorCalls, ActorQuestion } from './actor-calls.js';
import { describeError, inShort, outcomeOf, pagesOf } from './outcome.js';
import { WatchedLog } from './watched-log.js';

/** An error that was injected comes within seconds. */
const untilErrorMs = 25_000;

/** A notice takes less than a second on an idle machine, and a repair little more. */
const untilNoticedMs = 60_000;

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + untilNoticedMs; !condition() && Date.now() < deadline; ) await delay(20);
}

/** First addresses of this process's mappings of the file. */
function mappingsOf(path: string): string[] {
  return readFileSync('/proc/self/maps', 'utf8').split('\n').filter((line) => line.endsWith(` ${path}`)).map((line) => line.split('-')[0] ?? '');
}

/** What `body` gives, and the address of the one mapping of the file that it makes. */
async function mapped<T>(path: string, body: () => T | Promise<T>): Promise<readonly [T, string]> {
  const before = mappingsOf(path);
  const value = await body();
  const made = mappingsOf(path).filter((address) => !before.includes(address));
  if (made.length !== 1) throw new Error(`${made.length} mappings of ${path} were made`);
  return [value, made[0] ?? ''];
}

/** The native driver, telling how exact its faults are: the errors that are made of them do not. */
function tellingDriver(tell: (granuleLog2: number) => void): Driver {
  const driver = nativeDriver();
  return {
    name: driver.name,
    devices: driver.devices,
    async open(path, request) {
      const outcome = await driver.open(path, request);
      if ('failure' in outcome) return outcome;
      const { file } = outcome;
      const read = file.read.bind(file);
      file.read = (target, position) => {
        const fault = read(target, position);
        if (fault !== undefined) tell(fault.granuleLog2);
        return fault;
      };
      return outcome;
    },
  };
}

class Actor implements Record<keyof ActorCalls, (...given: never[]) => string | Promise<string>> {
  readonly #files = new Map<string, PmemFile>();
  readonly #views = new Map<string, PmemView>();
  readonly #noticed = new Map<string, string[]>();
  #log: WatchedLog | undefined;
  #granuleBytes: number | undefined;
  readonly #driver = tellingDriver((granuleLog2) => { this.#granuleBytes ??= 2 ** granuleLog2; });

  async open(name: string, path: string, hugePages?: HugePages): Promise<string> {
    this.#granuleBytes = undefined;
    const [file, address] = await mapped(path, () => PmemFile.open(path, { driver: this.#driver, ...(hugePages && { hugePages }) }));
    this.#files.set(name, file);
    return address;
  }

  async view(name: string): Promise<string> {
    const file = this.#file(name);
    const [view, address] = await mapped(file.path, () => file.view({ offset: page(4), length: 3 * pageBytes }));
    this.#views.set(name, view);
    return address;
  }

  access(name: string, how: AccessName, index: number): Promise<string> {
    return outcomeOf(() => { access(this.#file(name), how, index, this.#views.get(name)); });
  }

  accessUntilError(name: string, how: AccessName, index: number): string {
    const file = this.#file(name);
    const view = this.#views.get(name);
    try {
      for (const deadline = Date.now() + untilErrorMs; Date.now() < deadline; ) {
        for (let i = 0; i < 100; i++) access(file, how, index, view);
      }
      return 'no error';
    } catch (error) {
      return describeError(error);
    }
  }

  pages(name: string): string {
    const file = this.#file(name);
    const letter = (index: number): string => {
      const bytes = new Uint8Array(pageBytes);
      try {
        file.read(bytes, page(index));
        return Buffer.compare(bytes, part(wholeContent, { offset: page(index), length: pageBytes })) === 0 ? 'o' : '?';
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        return code === 'ERR_PMEM_MEDIA' ? 'M' : code === 'ERR_PMEM_LOST' ? 'L' : error instanceof WrongBytes ? '?' : '!';
      }
    };
    return inShort(Array.from({ length: file.size / pageBytes }, (_, index) => letter(index)).join(''));
  }

  granule(): string {
    return this.#granuleBytes === undefined ? 'unknown' : String(this.#granuleBytes);
  }

  badBlocks(name: string): Promise<string> {
    return outcomeOf(async () => {
      const report = await this.#file(name).badBlocks();
      return report.status === 'known' ? `page ${pagesOf(report.ranges)}` : report.status;
    });
  }

  watch(name: string): Promise<string> {
    return outcomeOf(async () => {
      const noticed: string[] = [];
      this.#noticed.set(name, noticed);
      await this.#file(name).watch((event) => {
        noticed.push(event.kind === 'unsupported' ? event.kind : `${event.kind} page ${pagesOf(event.ranges)}`);
      });
    });
  }

  async noticed(name: string): Promise<string> {
    const noticed = this.#noticed.get(name) ?? [];
    await until(() => noticed.length > 0);
    return noticed.length === 0 ? 'nothing' : noticed.join(', ');
  }

  async openLog(directory: string): Promise<string> {
    this.#log = await WatchedLog.open(directory, this.#driver);
    return 'ok';
  }

  async logRepairs(count: number): Promise<string> {
    const repairs = this.#log?.repairs ?? [];
    await until(() => repairs.length >= count);
    return repairs.length === 0 ? 'none' : repairs.join(', ');
  }

  logRecords(): Promise<string> {
    return outcomeOf(async () => this.#log?.readable());
  }

  scrub(name: string): Promise<string> {
    return outcomeOf(async () => {
      const { found, mediaErrors } = await this.#file(name).scrub();
      return `page ${pagesOf(mediaErrors) || 'none'}${found.length > 0 ? ', new' : ''}`;
    });
  }

  salvage(name: string): Promise<string> {
    return outcomeOf(async () => {
      const { gaps } = await this.#file(name).salvage();
      return gaps.length === 0 ? 'everything' : `all but page ${pagesOf(gaps)}`;
    });
  }

  repair(name: string, index: number, allowRelocation: boolean): Promise<string> {
    return this.#repaired(name, index, { allowRelocation });
  }

  zeroRange(name: string, index: number): Promise<string> {
    return this.#repaired(name, index, { strategy: 'zero-range' });
  }

  resize(name: string, sizeBytes: number): Promise<string> {
    return outcomeOf(() => this.#file(name).resize(sizeBytes));
  }

  close(name: string): Promise<string> {
    this.#views.delete(name);
    const file = this.#file(name);
    this.#files.delete(name);
    return outcomeOf(() => file.close());
  }

  async closeAll(): Promise<string> {
    await this.#log?.close();
    this.#log = undefined;
    for (const name of [...this.#files.keys()]) await this.close(name);
    return 'ok';
  }

  #repaired(name: string, index: number, options: RepairOptions): Promise<string> {
    return outcomeOf(async () => {
      const rebuild = (range: ByteRange): Uint8Array => part(wholeContent, range);
      const { units } = await this.#file(name).repair({ offset: page(index), length: pageBytes }, { rebuild, ...options });
      return units.map(({ outcome, strategy }) => (strategy === undefined ? outcome : `${outcome} by ${strategy}`)).join(', ');
    });
  }

  #file(name: string): PmemFile {
    const file = this.#files.get(name);
    if (file === undefined) throw new Error(`no file is called ${name}`);
    return file;
  }
}

async function answer(actor: Actor, { id, call, arguments: given }: ActorQuestion): Promise<ActorAnswer> {
  try {
    // The names and the arguments are those of ActorCalls, but for what a channel of texts forgets.
    const calls = actor as unknown as Readonly<Record<ActorCallName, (...given: readonly unknown[]) => string | Promise<string>>>;
    return { id, value: await calls[call](...given) };
  } catch (error) {
    return { id, failure: describeError(error) };
  }
}

function serve(): void {
  const actor = new Actor();
  if (isMainThread) {
    process.on('message', (question) => {
      void answer(actor, question as ActorQuestion).then((said) => process.send?.(said));
    });
  } else {
    parentPort?.on('message', (question) => {
      void answer(actor, question as ActorQuestion).then((said) => { parentPort?.postMessage(said); });
    });
  }
}

if (isMainThread && process.argv.includes('--worker')) {
  const worker = new Worker(fileURLToPath(import.meta.url));
  process.on('message', (question) => { worker.postMessage(question); });
  worker.on('message', (said) => process.send?.(said));
} else serve();
process.on('disconnect', () => process.exit());
