/** What the playground does: a file of eight pages on a simulated machine, and everything that can happen to it. No page here. */
import './node/globals.js';
import type { ByteRange, PmemError, RepairReceipt } from '@safe-pmem/core';
import { PmemFile, isPmemError, isRepairError } from '@safe-pmem/core';
import type { KernelName, MockDriver } from '@safe-pmem/mock';
import { mockDriver } from '@safe-pmem/mock';

const PATH = '/pmem/app.db';
const OTHER = '/pmem/other.db';
const PAGE = 4096;
const PAGES = 8;
const SHOWN_BLOCKS = 24;

export interface MachineChoice {
  readonly kernel: KernelName;
  readonly filesystem: 'ext4' | 'xfs';
  readonly clearable: boolean;
}

export interface RepairChoice {
  readonly strategy: 'auto' | 'recovery-write' | 'zero-range';
  readonly rebuild: boolean;
  readonly allowRelocation: boolean;
}

export interface PageState {
  readonly index: number;
  readonly state: 'healthy' | 'poisoned' | 'lost';
  /** The letter that fills the page, as the medium has it. */
  readonly content: string;
  readonly block: number | undefined;
}

export interface BlockState {
  readonly block: number;
  readonly owner: string;
  readonly poisoned: boolean;
}

export interface Snapshot {
  readonly pages: readonly PageState[];
  readonly blocks: readonly BlockState[];
  readonly files: readonly string[];
}

const pageOf = (index: number): Uint8Array => new Uint8Array(PAGE).fill(65 + index);

export class PlaygroundMachine {
  readonly #driver: MockDriver;
  #file!: PmemFile;

  private constructor(choice: MachineChoice) {
    this.#driver = mockDriver({ ...choice, capacityBytes: 64 * PAGE });
    const content = new Uint8Array(PAGES * PAGE);
    for (let index = 0; index < PAGES; index++) content.set(pageOf(index), index * PAGE);
    this.#driver.writeFile(PATH, content);
    this.#driver.writeFile(OTHER, new Uint8Array(2 * PAGE).fill(46));
  }

  static async start(choice: MachineChoice): Promise<PlaygroundMachine> {
    const machine = new PlaygroundMachine(choice);
    await machine.open();
    return machine;
  }

  async open(): Promise<string> {
    this.#file = await PmemFile.open(PATH, { driver: this.#driver });
    return `open: ${this.#file.size} bytes, persist by ${this.#file.info().persistMethod}`;
  }

  poison(index: number, latent: boolean): string {
    this.#driver.poison(PATH, { offset: index * PAGE, length: 64 }, { latent });
    return `poison: one line of page ${index}${latent ? ', and the kernel does not know yet' : ', on the kernel’s list'}`;
  }

  read(index: number): string {
    return this.#attempt(`read page ${index}`, () => {
      const bytes = new Uint8Array(PAGE);
      this.#file.read(bytes, index * PAGE);
      return `${PAGE} bytes, all ${JSON.stringify(String.fromCharCode(bytes[0] ?? 0))}`;
    });
  }

  write(index: number): string {
    return this.#attempt(`write and persist page ${index}`, () => {
      this.#file.writeAndPersist(pageOf(index), index * PAGE);
      return 'durable';
    });
  }

  async repair({ strategy, rebuild, allowRelocation }: RepairChoice): Promise<string> {
    const options = { strategy, allowRelocation };
    const replica = ({ offset, length }: ByteRange): Uint8Array =>
      new Uint8Array(length).fill(65 + Math.floor(offset / PAGE));
    try {
      const receipt = await this.#file.repair({ offset: 0, length: PAGES * PAGE }, rebuild ? { ...options, rebuild: replica } : options);
      return `repair: ${told(receipt)}`;
    } catch (error) {
      if (!isPmemError(error)) throw error;
      const units = isRepairError(error) && error.receipt !== undefined ? ` (${told(error.receipt)})` : '';
      return `repair: ${worded(error)}${units}`;
    }
  }

  /** Another program writes two more pages to its own file, and gets whatever block comes next. */
  grow(): string {
    return this.#attempt('another file grows by two pages', () => {
      this.#driver.append(OTHER, new Uint8Array(2 * PAGE).fill(46));
      return 'ok';
    });
  }

  async crash(): Promise<string> {
    this.#driver.crash('lose-all');
    return `power failed, the machine starts again. ${await this.open()}`;
  }

  snapshot(): Snapshot {
    const poisoned = new Set(this.#driver.poisoned.flatMap(({ offset, length }) => blocksOf(offset, length)));
    const owners = this.#owners();
    const content = this.#driver.readFile(PATH);
    const first = Math.min(...owners.keys());
    return {
      pages: Array.from({ length: PAGES }, (_, index) => {
        const at = this.#driver.physicalOf(PATH, index * PAGE);
        const block = at === undefined ? undefined : at / PAGE;
        const state = block !== undefined && poisoned.has(block) ? 'poisoned' : this.#isLost(index) ? 'lost' : 'healthy';
        return { index, state, content: String.fromCharCode(content[index * PAGE] ?? 0), block };
      }),
      blocks: Array.from({ length: SHOWN_BLOCKS }, (_, i) => ({
        block: first + i,
        owner: owners.get(first + i) ?? 'free',
        poisoned: poisoned.has(first + i),
      })),
      files: this.#driver.listFiles().map((path) => `${path} (${this.#driver.readFile(path).length} bytes)`),
    };
  }

  #owners(): Map<number, string> {
    const owners = new Map<number, string>();
    for (const path of this.#driver.listFiles()) {
      const pages = Math.ceil(this.#driver.readFile(path).length / PAGE);
      for (let index = 0; index < pages; index++) {
        const at = this.#driver.physicalOf(path, index * PAGE);
        const name = path === PATH ? `page ${index}` : path.startsWith(PATH) ? 'journal' : 'other file';
        if (at !== undefined) owners.set(at / PAGE, name);
      }
    }
    return owners;
  }

  #isLost(index: number): boolean {
    try {
      this.#file.read(new Uint8Array(PAGE), index * PAGE);
      return false;
    } catch (error) {
      return isPmemError(error) && error.code === 'ERR_PMEM_LOST';
    }
  }

  #attempt(what: string, action: () => string): string {
    try {
      return `${what}: ${action()}`;
    } catch (error) {
      return `${what}: ${isPmemError(error) ? worded(error) : String(error)}`;
    }
  }
}

const blocksOf = (offset: number, length: number): number[] =>
  Array.from({ length: Math.ceil((offset + length) / PAGE) - Math.floor(offset / PAGE) }, (_, i) => Math.floor(offset / PAGE) + i);

function worded(error: PmemError): string {
  return `${error.code}: ${error.message}`;
}

function told({ units }: RepairReceipt): string {
  if (units.length === 0) return 'nothing to do';
  return units
    .map(({ range, outcome, strategy }) => {
      const [from, to] = [range.offset / PAGE, (range.offset + range.length) / PAGE - 1];
      return `page ${from === to ? from : `${from} to ${to}`} ${outcome}${strategy === undefined ? '' : ` by ${strategy}`}`;
    })
    .join(', ');
}
