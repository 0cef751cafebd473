// What a call finds while another call of the same PmemFile is in flight, on real files: packages/mock/test/pmem-file/
// in-flight.test.ts has the same situations on the mock, with power losses.
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ByteRange, CompleteFile, Driver } from '@safe-pmem/core';
import { Errno, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { poisonableDriver } from '../../src/testing/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { bareFile, firstByte, journalBytes, LOST, makeLoss, open, refusal, SIZE } from './planted-loss.js';

const turn = (): Promise<void> => new Promise(setImmediate);

/** The native driver, with `change` done to each file before the one who opened it gets it. */
function changing(change: (file: CompleteFile) => void, driver: Driver<CompleteFile> = nativeDriver()): Driver {
  return {
    name: driver.name,
    open: async (name, request) => {
      const outcome = await driver.open(name, request);
      if ('file' in outcome) change(outcome.file);
      return outcome;
    },
  };
}

/** Lets the next call of one kind wait, after it has been done (a resize: before), until opened. */
function gateAt(name: 'close' | 'persistAsync' | 'resize' | 'writeJournal'): {
  change: (file: CompleteFile) => void; arm: () => void; open: () => void; reached: Promise<void>;
} {
  let isArmed = false;
  let open = (): void => undefined;
  let reach = (): void => undefined;
  const opened = new Promise<void>((resolve) => { open = resolve; });
  const reached = new Promise<void>((resolve) => { reach = resolve; });
  const change = (file: CompleteFile): void => {
    const call = file[name].bind(file) as (...args: unknown[]) => Promise<unknown>;
    const waiting = async (...args: unknown[]): Promise<unknown> => {
      const outcome = name === 'resize' ? undefined : await call(...args);
      if (!isArmed) return name === 'resize' ? call(...args) : outcome;
      isArmed = false;
      reach();
      await opened;
      return name === 'resize' ? call(...args) : outcome;
    };
    Object.defineProperty(file, name, { value: waiting, configurable: true });
  };
  return { change, arm: () => { isArmed = true; }, open: () => { open(); }, reached };
}

function ones(where: 'disk' | 'tmpfs'): string {
  const name = path.join(scratchFolder(where), 'file');
  writeFileSync(name, Buffer.alloc(SIZE, 1));
  return name;
}

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  it('resize() cuts off bytes that persists were to make durable: nothing was truncated', async () => {
    const name = ones(where);
    const gate = gateAt('resize');
    const file = await open(name, { driver: changing(gate.change) });
    gate.arm();
    const resized = file.resize(3 * PAGE + 100);
    await gate.reached;
    // A thread of the pool has shortened the file, and its mapping is the old one still.
    truncateSync(name, 3 * PAGE + 100);
    await file.persistAsync();
    file.persist();
    file.persistRanges([{ offset: 0, length: SIZE }]);
    file.writeAndPersist(new Uint8Array(200).fill(2), 3 * PAGE);
    truncateSync(name, PAGE);
    expect(await refusal(() => { file.persist(); })).toMatchObject({ code: 'ERR_PMEM_TRUNCATED' });
    truncateSync(name, SIZE);
    gate.open();
    await resized;
    await file.close();
  });

  it('resizes and persists of one file go on at once: none of them fails', async () => {
    const file = await open(ones(where));
    for (let round = 0; round < 100; round++) {
      const size = round % 2 === 0 ? PAGE + 100 : SIZE;
      const rest = file.persistAsync(PAGE, file.size - PAGE);
      await Promise.all([file.resize(size), file.persistAsync(), file.scrub(), rest]);
      expect(file.size).toBe(size);
    }
    await file.close();
  });

  it('lost bytes are written while persistAsync() is in flight: they stay in the journal until the next', async () => {
    const name = path.join(scratchFolder(where), 'file');
    await makeLoss(name);
    const gate = gateAt('persistAsync');
    const file = await open(name, { driver: changing(gate.change) });
    gate.arm();
    const persisted = file.persistAsync();
    await gate.reached;
    file.write(new Uint8Array(PAGE).fill(3), LOST.offset);
    gate.open();
    await persisted;
    expect(existsSync(`${name}.repair`)).toBe(true);
    await file.persistAsync();
    expect(existsSync(`${name}.repair`)).toBe(false);
    await file.close();
  });

  it('close() is called again: the second call resolves when the file is closed', async () => {
    const name = ones(where);
    const gate = gateAt('close');
    const file = await open(name, { driver: changing(gate.change), exclusive: true });
    gate.arm();
    let isClosed = false;
    const first = file.close().then(() => { isClosed = true; });
    await gate.reached;
    const second = file.close().then(() => isClosed);
    for (let i = 0; i < 3; i++) await turn();
    gate.open();
    expect(await second).toBe(true);
    await first;
    await (await open(name, { exclusive: true })).close();
  });

  it('another process has repaired a listed page without its bytes: they are lost here, too', async () => {
    const name = ones(where);
    let listed: ByteRange[] = [LOST];
    const fake = (file: CompleteFile): void => {
      const list = (): Promise<unknown> => Promise.resolve({ supported: true, ranges: listed });
      Object.defineProperty(file, 'badBlocks', { value: list, configurable: true });
      // The kernel asks its list before it reads.
      const probe = file.probe.bind(file);
      file.probe = (position, length) => {
        const outcome = probe(position, length);
        return 'failure' in outcome || listed.length === 0 ? outcome : { ...outcome, readErrno: Errno.EIO };
      };
      const extent = { offset: 0, length: SIZE, physicalOffset: 0, unwritten: false, shared: false, unmapped: false };
      const extents = (): Promise<unknown> => Promise.resolve({ extents: [extent] });
      Object.defineProperty(file, 'extents', { value: extents, configurable: true });
    };
    const file = await open(name, { driver: changing(fake) });
    expect(await refusal(() => firstByte(file, LOST.offset))).toMatchObject({ code: 'ERR_PMEM_MEDIA' });
    const there = await bareFile(name);
    const mark = Buffer.from(`1 0123456789abcdef0123456789abcdef ${there.facts.userId} ${name}.repair`);
    const journal = { bytes: journalBytes(there.facts, [LOST]), mark, temporary: '.repair-planting.tmp', isNew: true };
    expect(await there.writeJournal('file.repair', journal)).toBeUndefined();
    expect(await there.writeMark(mark)).toBeUndefined();
    await there.pwrite(new Uint8Array(PAGE), LOST.offset);
    await there.close();
    listed = [];
    expect(await file.badBlocks()).toEqual({ status: 'none' });
    expect(await refusal(() => firstByte(file, LOST.offset))).toMatchObject({ code: 'ERR_PMEM_LOST' });
    await file.close();
  });
});

describe('with poison on tmpfs', () => {
  it('persist() drops the last loss while the end of a repair is written: no mark alone stays', async () => {
    const name = path.join(scratchFolder('tmpfs'), 'file');
    await makeLoss(name);
    const gate = gateAt('writeJournal');
    const poisonable = poisonableDriver(nativeDriver());
    let replacements = 0;
    const file = await open(name, { driver: changing((opened) => {
      gate.change(opened);
      const replace = opened.writeJournal.bind(opened);
      const counted = (...args: Parameters<typeof replace>): ReturnType<typeof replace> => {
        // The first replacement has the intent of the repair; the second is its end.
        if (++replacements === 2) gate.arm();
        return replace(...args);
      };
      Object.defineProperty(opened, 'writeJournal', { value: counted, configurable: true });
    }, poisonable) });
    file.write(new Uint8Array(PAGE).fill(1), LOST.offset);
    const bad = poisonable.poison(name, { offset: 2 * PAGE, length: 1 });
    const repair = file.repair(bad, { rebuild: ({ length }) => new Uint8Array(length).fill(1) });
    await gate.reached;
    file.persist();
    gate.open();
    await repair;
    await file.close();
    expect(readdirSync(path.dirname(name))).toEqual(['file']);
    await (await PmemFile.open(name, { driver: nativeDriver() })).close();
    expect(readFileSync(name)).toEqual(Buffer.alloc(SIZE, 1));
  });

  it('resize() cuts off bytes of which a repair was asked for meanwhile: there is nothing to repair', async () => {
    const name = ones('tmpfs');
    const poisonable = poisonableDriver(nativeDriver());
    const file = await open(name, { driver: poisonable });
    const bad = poisonable.poison(name, { offset: 2 * PAGE, length: 1 });
    const resized = file.resize(PAGE);
    const repaired = file.repair([{ offset: 0, length: PAGE }, bad], { fill: 0 });
    await resized;
    expect((await repaired).units).toMatchObject([{ range: { offset: 0, length: PAGE }, outcome: 'healthy' }]);
    await file.close();
  });
});
