/** A Level database on a simulated machine. */
import type { MockDriver, MockOptions } from '@safe-pmem/mock';
import { mockDriver } from '@safe-pmem/mock';
import type { PmemLevelOptions } from '../../src/level/index.js';
import { PmemLevel } from '../../src/level/index.js';

export const PAGE = 4096;
export const LOCATION = '/pmem/db';
export const FILES = { pages: `${LOCATION}.pages`, mirror: `${LOCATION}.pages-mirror`, log: `${LOCATION}.log`, logMirror: `${LOCATION}.log-mirror` } as const;
export type FileName = keyof typeof FILES;

export class LevelMachine {
  readonly driver: MockDriver;
  readonly #options: Omit<PmemLevelOptions, 'driver'>;
  #db: PmemLevel | undefined;

  constructor(options: Omit<PmemLevelOptions, 'driver'> = {}, machine: MockOptions = {}) {
    this.driver = mockDriver(machine);
    this.#options = { logBytes: 28 * PAGE, ...options };
  }

  get db(): PmemLevel {
    if (this.#db === undefined) throw new Error('the database is not open');
    return this.#db;
  }

  async open(options: Partial<PmemLevelOptions> = {}): Promise<PmemLevel> {
    await this.close();
    const db = new PmemLevel(LOCATION, { ...this.#options, ...options, driver: this.driver });
    await db.open();
    this.#db = db;
    return db;
  }

  async close(): Promise<void> {
    const db = this.#db;
    this.#db = undefined;
    await db?.close();
  }

  forget(): void {
    this.#db = undefined;
  }

  pageCount(name: FileName): number {
    return this.driver.readFile(FILES[name]).length / PAGE;
  }

  poison(name: FileName, page: number): void {
    this.driver.poison(FILES[name], { offset: page * PAGE, length: PAGE });
  }

  /** Slots of the data file whose page has this marker: see the byte table of the paged store. */
  slotsWith(marker: 'leaf' | 'over'): number[] {
    const bytes = Buffer.from(this.driver.readFile(FILES.pages));
    const count = bytes.length / PAGE;
    return Array.from({ length: count }, (_, i) => i).filter((i) => bytes.toString('latin1', i * PAGE + 4, i * PAGE + 8) === marker);
  }
}
