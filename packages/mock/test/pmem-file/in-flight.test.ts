// What a call finds while another call of the same PmemFile is in flight: the one must not undo, hide or misname what
// the other does.
import type { CompleteFile } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver, MockOptions } from '../../src/index.js';
import { loseAll, mockDriver } from '../../src/index.js';
import { changing, content, failure, filled, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const size = 4 * PAGE;
const whole = content(size);
const bad = pageOf(2);
const turn = (): Promise<void> => new Promise(setImmediate);

type Waiting = 'close' | 'resize' | 'sync' | 'extents' | 'badBlocks' | 'persistAsync' | 'writeJournal';

/** Lets the next call of one kind wait, after it has been done (a resize: before), until opened. */
class Gate {
  open!: () => void;
  readonly #opened = new Promise<void>((resolve) => { this.open = resolve; });
  isReached = false;
  isArmed = false;

  readonly change = (name: Waiting) => (file: CompleteFile): void => {
    const call = file[name].bind(file) as (...args: unknown[]) => Promise<unknown>;
    const waiting = async (...args: unknown[]): Promise<unknown> => {
      const outcome = name === 'resize' ? undefined : await call(...args);
      if (!this.isArmed) return name === 'resize' ? call(...args) : outcome;
      this.isArmed = false;
      this.isReached = true;
      await this.#opened;
      return name === 'resize' ? call(...args) : outcome;
    };
    Object.defineProperty(file, name, { value: waiting });
  };

  async reached(): Promise<void> {
    while (!this.isReached) await turn();
  }
}

async function withGate(
  name: Waiting, options: MockOptions = {},
): Promise<{ driver: MockDriver; file: PmemFile; gate: Gate }> {
  const driver = mockDriver({ turns: true, ...options });
  await (await filled(driver, size)).close();
  const gate = new Gate();
  const file = await PmemFile.open(PATH, { driver: changing(driver, gate.change(name)) });
  return { driver, file, gate };
}

describe("the kernel's list is read while a repair has cleared a page and not ended", () => {
  it.each(['badBlocks', 'watch'] as const)('by %s: the page stays closed', async (who) => {
    const { driver, file, gate } = await withGate('sync');
    if (who === 'watch') await file.watch(() => undefined);
    driver.poison(PATH, bad);
    await file.badBlocks();
    gate.isArmed = true;
    const repair = file.repair(bad);
    await gate.reached();
    if (who === 'badBlocks') await file.badBlocks();
    for (let i = 0; i < 5; i++) await turn();
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 10));
    gate.open();
    await repair;
    await failure('ERR_PMEM_LOST', () => read(file, bad.offset, 10));
  });
});

describe("the kernel's list no longer has a page that another process has repaired", () => {
  it('without its bytes: they are lost here, too', async () => {
    const driver = mockDriver();
    const here = await filled(driver, size);
    driver.poison(PATH, bad);
    await here.badBlocks();
    const there = await openIn(driver, 'there');
    await there.repair(bad);
    expect(await here.badBlocks()).toEqual({ status: 'none' });
    await failure('ERR_PMEM_LOST', () => read(here, bad.offset, 10));
  });

  it('and is writing still: the page stays closed', async () => {
    const { driver, file, gate } = await withGate('sync');
    const here = await openIn(driver, 'here');
    driver.poison(PATH, bad);
    await here.badBlocks();
    gate.isArmed = true;
    const repair = file.repair(bad, { rebuild: (range) => part(whole, range) });
    await gate.reached();
    expect(await here.badBlocks()).toEqual({ status: 'none' });
    await failure('ERR_PMEM_MEDIA', () => read(here, bad.offset, 10));
    gate.open();
    await repair;
    expect(read(here, 0, size)).toEqual(whole);
  });
});

describe('badBlocks() takes longer than a repair', () => {
  it.each(['badBlocks', 'extents'] as const)('in %s: what was repaired meanwhile can be read', async (name) => {
    const { driver, file, gate } = await withGate(name);
    driver.poison(PATH, bad);
    await file.badBlocks();
    gate.isArmed = true;
    const report = file.badBlocks();
    await gate.reached();
    await file.repair(bad, { rebuild: (range) => part(whole, range) });
    gate.open();
    expect(await report).toEqual({ status: 'none' });
    expect(read(file, 0, size)).toEqual(whole);
  });
});

describe('lost bytes are written while persistAsync() is in flight', () => {
  it.each([false, true])('after a power loss they are lost, or if persisted once more there (%s)', async (again) => {
    const { driver, file, gate } = await withGate('persistAsync');
    driver.poison(PATH, bad);
    await file.repair(bad);
    gate.isArmed = true;
    const persisted = file.persistAsync();
    await gate.reached();
    file.write(part(whole, bad), bad.offset);
    gate.open();
    await persisted;
    if (again) await file.persistAsync();
    expect(driver.listFiles().includes(`${PATH}.repair`)).toBe(!again);
    driver.crash(loseAll);
    const next = await PmemFile.open(PATH, { driver });
    if (again) expect(read(next, 0, size)).toEqual(whole);
    else await failure('ERR_PMEM_LOST', () => read(next, bad.offset, 10));
  });
});

describe('resize() cuts off bytes', () => {
  it.each(['persistAsync', 'persist', 'persistRanges', 'writeAndPersist'] as const)(
    'that %s() was to make durable: the rest is durable, and nothing was truncated', async (who) => {
      const { driver, file, gate } = await withGate('resize', { dax: false });
      const stored = Uint8Array.of(1, 2, 3);
      file.write(stored, 0);
      const calls = {
        persistAsync: () => file.persistAsync(),
        persist: () => { file.persist(); },
        persistRanges: () => { file.persistRanges([{ offset: 0, length: size }]); },
        writeAndPersist: () => { file.writeAndPersist(new Uint8Array(200).fill(1), 3 * PAGE); },
      };
      gate.isArmed = true;
      const resized = file.resize(3 * PAGE + 100);
      await gate.reached();
      // A thread of the pool has shortened the file, and its mapping is the old one still.
      driver.truncate(PATH, 3 * PAGE + 100);
      if (who === 'writeAndPersist') file.persist();
      await calls[who]();
      gate.open();
      await resized;
      driver.crash(loseAll);
      expect(driver.readFile(PATH).subarray(0, 3)).toEqual(stored);
    });

  it.each([[2 * PAGE, false], [PAGE, true]])(
    'and another adds them while persistAsync() finds %i bytes: cut elsewhere: %s', async (fileSizeBytes, isCut) => {
      const driver = mockDriver({ turns: true, dax: false });
      await (await filled(driver, size)).close();
      const file = await PmemFile.open(PATH, {
        driver: changing(driver, (opened) => {
          opened.persistAsync = async () => {
            await file.resize(2 * PAGE);
            await file.resize(size);
            return { fileSizeBytes };
          };
        }),
      });
      if (isCut) await failure('ERR_PMEM_TRUNCATED', () => file.persistAsync());
      else await file.persistAsync();
    });

  it('but another process has cut off more: persist() says so', async () => {
    const { driver, file, gate } = await withGate('resize', { dax: false });
    gate.isArmed = true;
    const resized = file.resize(3 * PAGE);
    await gate.reached();
    driver.truncate(PATH, PAGE);
    await failure('ERR_PMEM_TRUNCATED', () => { file.persist(); });
    gate.open();
    await resized;
  });

  it('and a repair of them was asked for meanwhile: there is nothing to repair', async () => {
    const { driver, file } = await withGate('sync');
    driver.poison(PATH, bad);
    const resized = file.resize(PAGE, { allowRelease: true });
    const repaired = file.repair([pageOf(0), bad], { fill: 0 });
    await resized;
    expect((await repaired).units).toMatchObject([{ range: pageOf(0), outcome: 'healthy' }]);
  });

  it('while another resize() waits: that one looks at the end that the first has left', async () => {
    const { driver, file, gate } = await withGate('resize');
    gate.isArmed = true;
    const cut = file.resize(2 * PAGE + 100);
    const grown = file.resize(8 * PAGE);
    await gate.reached();
    driver.poison(PATH, bad, { latent: true });
    gate.open();
    await cut;
    await failure('ERR_PMEM_MEDIA', () => grown);
    expect(file.size).toBe(2 * PAGE + 100);
  });
});

describe('persist() drops the last loss from the journal while the end of a repair is written there', () => {
  it('no mark of a journal that is gone stays, and none is set', async () => {
    const { driver, file, gate } = await withGate('writeJournal');
    driver.poison(PATH, pageOf(1));
    await file.repair(pageOf(1));
    file.write(part(whole, pageOf(1)), PAGE);
    driver.poison(PATH, bad);
    const done: string[] = [];
    driver.observe(({ name, step }) => {
      if (step !== undefined) return undefined;
      done.push(name);
      // The first replacement has the intent of the repair; the second is its end.
      if (done.filter((call) => call === 'writeJournal').length === 2) gate.isArmed = true;
      return undefined;
    });
    const repair = file.repair(bad, { rebuild: (range) => part(whole, range) });
    await gate.reached();
    file.persist();
    done.length = 0;
    gate.open();
    await repair;
    expect(done).not.toContain('writeMark');
    await file.close();
    expect(driver.listFiles()).toEqual([PATH]);
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, 0, size)).toEqual(whole);
  });
});

describe('close() is called again while it is in flight', () => {
  it('the second call resolves when the file is closed', async () => {
    const { file, gate } = await withGate('close');
    gate.isArmed = true;
    let isClosed = false;
    const first = file.close().then(() => { isClosed = true; });
    await gate.reached();
    const second = file.close().then(() => isClosed);
    for (let i = 0; i < 3; i++) await turn();
    gate.open();
    expect(await second).toBe(true);
    await first;
  });
});
