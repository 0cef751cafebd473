/** An application on one file that other processes change as they like, and the account of what may be in each file. */
import {
  type ByteRange, type CompleteFile, type Driver, type OpenOptions, PmemError, type PmemErrorCode, PmemFile,
} from '@safe-pmem/core';
import type { MockDriver, MockProcess, ScheduledEvent } from '../src/index.js';
import { Account, HALF } from './account.js';
import { PAGE } from './scene.js';

export const PATH = '/pmem/file';
/** A file that another process has ready to rename over the other one. */
export const FRESH = '/pmem/fresh';
/** Halves of the file at first: the last page is partial. */
const HALVES = 5;

/** Codes with which a call may end after something has happened to the file or to its filesystem. */
const UNDER_WEATHER: readonly PmemErrorCode[] = [
  'ERR_PMEM_TRUNCATED', 'ERR_PMEM_NO_SPACE', 'ERR_PMEM_REPAIR_FAILED', 'ERR_PMEM_LOCKED',
];
/** Codes of what is lost, or was until now. */
const LOSSES: readonly PmemErrorCode[] = ['ERR_PMEM_MEDIA', 'ERR_PMEM_LOST'];

/** Calls by which a repair changes a page or puts the end of the file back, and the last looks before them. */
const REPAIR_CALLS = ['pread', 'pwrite', 'zeroRange', 'tryZeroRange', 'fileSize', 'truncate'];

const filled = (values: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: values.length * HALF }, (_, at) => values[Math.floor(at / HALF)] ?? 0);

export class WeatherScene {
  /** Accounts of all files, those that no name leads to any more as well. */
  readonly accounts: Account[] = [];
  readonly #byInode = new Map<bigint, Account>();
  /** Files that take all space. */
  readonly #fillers: string[] = [];
  /** Something was made to fail, or a process died: what is reported need not be true for the moment. */
  disturbed = false;
  /** Another process has done something. */
  weather = false;
  #operation: string | undefined;
  #value = 10;
  #opened: { readonly file: PmemFile; readonly account: Account } | undefined;

  constructor(readonly driver: MockDriver) {}

  async prepare(): Promise<void> {
    await this.#make(PATH, [1, 1, 2, 2, 3]);
    await this.#make(FRESH, [4, 4, 5, 5]);
  }

  async #make(path: string, values: readonly number[]): Promise<void> {
    this.driver.writeFile(path, filled(values));
    const request = { create: false, readOnly: true, preallocate: false, sizeBytes: undefined };
    const outcome = await this.driver.open(path, request);
    if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
    const account = new Account(new Set([path]), values);
    this.#byInode.set(outcome.file.facts.inode, account);
    this.accounts.push(account);
    await outcome.file.close();
  }

  noteEvent(event: ScheduledEvent): void {
    this.#operation = event.operation?.replace(/^.*: /u, '');
    if (event.effect === 'turn') return;
    if (event.effect === 'outside') {
      this.weather = true;
      return;
    }
    this.disturbed = true;
    // A read that says that the medium is bad is all the evidence there is.
    const saysBad = event.effect === 'errno' && event.errno === 'EIO' && this.#operation === 'pread';
    if (saysBad) for (const account of this.accounts) account.contested();
    if (event.effect === 'poison') this.#at(event.path)?.poisoned(Math.floor(event.offset / PAGE));
  }

  // What the application does. Every call waits for its turn.

  async open(process: MockProcess, options: Partial<OpenOptions> = {}): Promise<void> {
    let inode = 0n;
    const driver: Driver<CompleteFile> = {
      name: 'mock',
      open: async (path, request) => {
        const outcome = await process.open(path, request);
        if ('file' in outcome) inode = outcome.file.facts.inode;
        return outcome;
      },
    };
    this.#opened = undefined;
    const file = await PmemFile.open(PATH, { driver, ...options });
    const account = this.#byInode.get(inode);
    if (account === undefined) throw new Error('a file that no process has made was opened');
    this.#opened = { file, account };
  }

  get file(): PmemFile {
    if (this.#opened === undefined) throw new Error('the file is not open');
    return this.#opened.file;
  }

  get #account(): Account {
    if (this.#opened === undefined) throw new Error('the file is not open');
    return this.#opened.account;
  }

  poison(page: number): void {
    this.#at(PATH)?.poisoned(page);
    this.driver.poison(PATH, { offset: page * PAGE, length: PAGE });
  }

  async write(process: MockProcess, page: number): Promise<void> {
    const [account, value] = [this.#account, this.#value++];
    const length = Math.min(PAGE, this.file.size - page * PAGE);
    if (length <= 0) return;
    await process.turn(async () => {
      const { epoch } = account;
      account.storing(page, value);
      const isDone = await this.#refused(() => { this.file.write(new Uint8Array(length).fill(value), page * PAGE); });
      account.storeEnded(page, value, isDone ? epoch : undefined);
    });
  }

  async persist(process: MockProcess): Promise<void> {
    await process.turn(() => this.#refused(() => { this.file.persist(0, this.file.size); }));
  }

  /** Reads all that can be read, and checks it. Bytes that were loaded before others changed them are older. */
  async read(): Promise<void> {
    const account = this.#account;
    const { epoch } = account;
    await this.#refused(async () => {
      const { pieces, gaps } = await this.file.salvage();
      if (account.epoch !== epoch || this.disturbed) return;
      for (const { offset, bytes } of pieces) account.checkBytes(offset, bytes);
      const sizeBytes = account.sizeBytes;
      for (const gap of gaps) {
        if (['media', 'lost'].includes(gap.reason) && gap.offset < sizeBytes) account.checkLoss(gap);
      }
    });
  }

  async repair(page: number, how: 'rebuild' | 'lose'): Promise<void> {
    const account = this.#account;
    const range: ByteRange = { offset: page * PAGE, length: Math.min(PAGE, this.file.size - page * PAGE) };
    if (range.length <= 0) return;
    const rebuild = ({ offset, length }: ByteRange): Uint8Array => account.newest({ offset, length });
    await this.#refused(async () => {
      const { epoch } = account;
      await this.file.repair(range, how === 'lose' ? {} : { rebuild });
      if (how === 'rebuild' && account.epoch === epoch) account.repaired(page);
    });
  }

  async resize(sizeBytes: number): Promise<void> {
    const account = this.#account;
    const { epoch } = account;
    const mappedBytes = this.file.size;
    account.asking(sizeBytes);
    const isDone = await this.#refused(() => this.file.resize(sizeBytes));
    account.asked(sizeBytes, isDone ? epoch : undefined, mappedBytes);
  }

  async close(): Promise<void> {
    await this.#refused(() => this.file.close());
  }

  /** True if the action has succeeded. Throws what nothing that has happened explains. */
  async #refused(action: () => unknown): Promise<boolean> {
    const account = this.#account;
    try {
      await action();
      return true;
    } catch (error) {
      if (!(error instanceof PmemError)) throw error;
      if (LOSSES.includes(error.code)) {
        if (!this.disturbed) for (const range of error.ranges) account.checkLoss(range);
        return false;
      }
      if (this.disturbed || (this.weather && UNDER_WEATHER.includes(error.code))) return false;
      throw error;
    }
  }

  // What other processes do to the file that has the name now, each at once and durably.

  #at(path: string): Account | undefined {
    return this.accounts.find(({ names }) => names.has(path));
  }

  get #here(): Account {
    const account = this.#at(PATH);
    if (account === undefined) throw new Error('no file has the name');
    return account;
  }

  /**
   * Others change the file between the last look of a repair and its write, a known limit: nothing keeps them out. What
   * they put there may be written over then, and what they cut off may be there again.
   */
  #contest(account: Account): void {
    if (REPAIR_CALLS.includes((this.#operation ?? '').replace(/:.*$/u, ''))) account.contested();
  }

  get #sizeBytes(): number {
    return this.driver.readFile(PATH).length;
  }

  /** Something that two processes may do side by side with the application. */
  weatherIs(): void {
    this.weather = true;
  }

  cut(sizeBytes: number): void {
    const account = this.#here;
    if (sizeBytes >= this.#sizeBytes) return;
    this.driver.truncate(PATH, sizeBytes);
    // A resize of the application looks how long the file is before it changes the size: between these two calls
    // nothing keeps others out, a known limit.
    account.resized(sizeBytes, this.#operation === 'resize');
    this.#contest(account);
  }

  /** Writes the whole file, which may be shorter now. */
  writeAll(values: readonly number[]): void {
    const account = this.#here;
    try {
      this.driver.overwrite(PATH, filled(values), 0);
    } catch (error) {
      // A bad page may stop it halfway.
      account.writtenInPart(0, values, this.#sizeBytes);
      throw error;
    }
    account.written(0, values, this.#sizeBytes);
    this.#contest(account);
  }

  /** As a shell's `>` does: the file is empty before it is written. */
  rewrite(): void {
    this.cut(0);
    this.writeAll(this.#values(HALVES));
  }

  append(halves: number): void {
    // A repair of the last page looks at the size before it cuts off what it has added: between these two calls nothing
    // keeps others out, a known limit.
    if (this.#operation === 'truncate') return;
    const sizeBytes = this.#sizeBytes;
    const values = this.#values(halves);
    this.driver.append(PATH, filled(values));
    this.#here.written(sizeBytes / HALF, values, sizeBytes + halves * HALF);
    // A reset has made the page writable for others, and after a failure it is reset or written once more: between the
    // look before that and the call nothing keeps others out, either.
    if (this.disturbed && ['zeroRange', 'pwrite'].includes(this.#operation ?? '')) this.#here.contested();
  }

  rename(to: string): void {
    const account = this.#here;
    this.driver.rename(PATH, to);
    account.names.delete(PATH);
    account.names.add(to);
    // Programs of the application find a file of the name that they know.
    this.replace();
  }

  link(to: string): void {
    this.driver.link(PATH, to);
    this.#here.names.add(to);
  }

  /** Another file is renamed over this one. */
  replace(): void {
    const fresh = this.#at(FRESH);
    if (fresh === undefined) return;
    this.driver.rename(FRESH, PATH);
    this.#at(PATH)?.names.delete(PATH);
    fresh.names.delete(FRESH);
    fresh.names.add(PATH);
  }

  /** Every block is shared with a copy, which must stay as it is. */
  snapshot(to: string): void {
    this.driver.reflink(PATH, to);
    this.accounts.push(this.#here.copy(to, this.#sizeBytes));
  }

  fill(): void {
    this.#fillers.push(this.driver.exhaust());
  }

  /** There is space again. */
  clearUp(): void {
    this.driver.setQuota(undefined);
    for (const filler of this.#fillers.splice(0)) this.driver.unlink(filler);
  }

  #values(count: number): number[] {
    return Array.from({ length: count }, () => this.#value++);
  }
}
