/** Repairs that take long on real files: others open the file meanwhile, the event loop goes on, an abort is heard. */
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Driver, CompleteFile } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { firstByte, LOST, makeLoss, open } from './planted-loss.js';

interface Gate {
  /** Resolves when the call has been made, which waits then. */
  readonly arrived: Promise<void>;
  readonly open: () => void;
  readonly driver: Driver<CompleteFile>;
}

/** The native driver, whose first call of `method` waits, as on a busy device. */
function waitingAt(method: 'rewrite' | 'fileSize'): Gate {
  let arrive: () => void = () => undefined;
  let go: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => { arrive = resolve; });
  const opened = new Promise<void>((resolve) => { go = resolve; });
  const slowed = (file: CompleteFile): CompleteFile => new Proxy(file, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      const call = value.bind(target) as (...args: unknown[]) => unknown;
      if (name !== method) return call;
      return async (...args: unknown[]) => {
        arrive();
        await opened;
        return call(...args);
      };
    },
  });
  const driver: Driver<CompleteFile> = {
    name: 'slow',
    open: async (file, request) => {
      const outcome = await nativeDriver().open(file, request);
      return 'failure' in outcome ? outcome : { file: slowed(outcome.file) };
    },
  };
  return { arrived, open: go, driver };
}

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  it('a file is opened during a repair: the open does not finish an intent that the repair has finished', async () => {
    const name = path.join(scratchFolder(where), 'file');
    await makeLoss(name);
    const [writing, asking] = [waitingAt('rewrite'), waitingAt('fileSize')];
    const a = await PmemFile.open(name, { driver: writing.driver });
    const repair = a.repair(LOST, { rebuild: ({ length }) => new Uint8Array(length).fill(7) });
    await writing.arrived;
    const opening = PmemFile.open(name, { driver: asking.driver });
    await asking.arrived;
    writing.open();
    await repair;
    a.write(new Uint8Array(PAGE).fill(99), LOST.offset);
    a.persist(LOST.offset, PAGE);
    asking.open();
    const b = await opening;
    expect([firstByte(a, LOST.offset), firstByte(b, LOST.offset)]).toEqual([99, 99]);
    for (const file of [a, b]) await file.close();
    const again = await open(name);
    expect(firstByte(again, LOST.offset)).toBe(99);
    await again.close();
  });
});

describe('a repair of a large healthy file', () => {
  const BATCH = 8 * 1024 * 1024;
  const BATCHES = 32;

  async function large(): Promise<PmemFile> {
    const name = path.join(scratchFolder(), 'file');
    writeFileSync(name, '');
    truncateSync(name, BATCHES * BATCH);
    const file = await open(name);
    onTestFinished(() => file.close());
    return file;
  }

  it('lets the event loop turn at every batch, reads each byte once, and reports one healthy run', async () => {
    const file = await large();
    let turns = 0;
    let running = true;
    const turn = (): void => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    const done: number[] = [];
    const { units } = await file.repair({ offset: 0, length: file.size }, {
      fill: 0,
      onProgress: ({ doneBytes }) => done.push(doneBytes),
    });
    running = false;
    expect(done).toEqual(Array.from({ length: BATCHES }, (_, i) => (i + 1) * BATCH));
    expect(turns).toBeGreaterThanOrEqual(BATCHES);
    expect(units).toEqual([expect.objectContaining({ range: { offset: 0, length: file.size }, outcome: 'healthy' })]);
  });

  it('hears an abort at the next batch, also one that a timer gives', async () => {
    const file = await large();
    const control = new AbortController();
    let batches = 0;
    const repair = file.repair({ offset: 0, length: file.size }, {
      fill: 0,
      signal: control.signal,
      onProgress: () => {
        if (++batches === 3) setImmediate(() => { control.abort(new Error('enough')); });
      },
    });
    await expect(repair).rejects.toThrow('enough');
    expect(batches).toBeLessThanOrEqual(5);
  });
});
