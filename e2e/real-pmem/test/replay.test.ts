import type { DriverFile, Extent, SystemFailure } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { replay } from '../src/scenarios/replay.js';
import type { ReplayMachine } from '../src/scenarios/replay-machine.js';
import type { Outcome, Step } from '../src/scenarios/step.js';

const EIO: SystemFailure = { errno: 5, syscall: 'fallocate' };
const extent = (offset: number, length: number, physicalOffset: number): Extent => ({
  offset, length, physicalOffset, unwritten: false, shared: false, unmapped: false,
});

/** A driver's file whose every answer is written down beforehand. */
interface Script {
  extents: Extent[];
  badBlocks: { offset: number; length: number }[];
  closed: number;
  sizeFails: boolean;
}

function scripted(script: Script): DriverFile {
  return {
    facts: { blockBytes: 4096 },
    mappedBytes: 16_384,
    read: (target: Uint8Array, position: number) => {
      target.fill(7);
      return position >= 8192 ? { position: position + 8, signalCode: 4, granuleLog2: 12 } : undefined;
    },
    write: (_: Uint8Array, position: number) => (position >= 8192 ? { position, signalCode: 2, granuleLog2: 0 } : undefined),
    persist: () => undefined,
    pread: (target: Uint8Array, position: number) => {
      target.fill(9);
      return Promise.resolve(position === 4096 ? { transferredBytes: 100, errno: 0 } : { transferredBytes: 0, errno: 5 });
    },
    pwrite: (bytes: Uint8Array) => Promise.resolve({ transferredBytes: bytes.length, errno: 0 }),
    zeroRange: () => Promise.resolve(EIO),
    fileSize: () => Promise.resolve(script.sizeFails ? { failure: { errno: 5, syscall: 'fstat' } } : { sizeBytes: 16_384 }),
    extents: () => Promise.resolve({ extents: script.extents }),
    badBlocks: () => Promise.resolve({ supported: true, ranges: script.badBlocks }),
    close: () => {
      script.closed++;
      return Promise.resolve(undefined);
    },
    // The steps of these tests call nothing else of a driver's file.
  } as unknown as DriverFile;
}

async function outcomes(steps: readonly Step[], script: Partial<Script> = {}, machine: Partial<ReplayMachine> = {}): Promise<Outcome[]> {
  const whole: Script = { extents: [extent(0, 16_384, 1 << 20)], badBlocks: [], closed: 0, sizeFails: false, ...script };
  const run = replay({ name: 'test', title: '', steps }, {
    driver: { name: 'scripted', open: () => Promise.resolve({ file: scripted(whole) }) },
    directory: '/nowhere',
    ...machine,
  } as ReplayMachine);
  return run.finally(() => {
    expect(whole.closed, 'every file is closed once').toBe(1);
  });
}

const create: Step = { do: 'create', file: 'a', sizeBytes: 16_384, preallocate: true };
const at = (offset: number, length: number) => ({ file: 'a', offset, length });

describe('replay', () => {
  it('says nothing of what succeeded without more to say', async () => {
    expect(await outcomes([create, { do: 'store', ...at(0, 8), byte: 1 }, { do: 'persist', ...at(0, 8) }])).toEqual([{}, {}, {}]);
  });

  it('gives contents, short transfers and errno values by name', async () => {
    const steps: Step[] = [create, { do: 'load', ...at(0, 8) }, { do: 'pread', ...at(4096, 200) }, { do: 'pread', ...at(0, 8) }, { do: 'zeroRange', ...at(0, 4096) }];
    expect((await outcomes(steps)).slice(1)).toEqual([
      { content: '8 of 7' }, { transferredBytes: 100, content: '100 of 9' }, { errno: 'EIO' }, { errno: 'EIO', syscall: 'fallocate' },
    ]);
  });

  it('places a fault at its byte for single accesses, and at its page for longer copies', async () => {
    const steps: Step[] = [create, { do: 'load', ...at(8192, 8) }, { do: 'load', ...at(8192, 16) }, { do: 'store', ...at(8200, 8), byte: 1 }];
    expect((await outcomes(steps)).slice(1)).toEqual([
      { fault: { position: 8200, signalCode: 4, granuleLog2: 12 } },
      { fault: { pagePosition: 8192, signalCode: 4, granuleLog2: 12 } },
      { fault: { position: 8200, signalCode: 2, granuleLog2: 0 } },
    ]);
  });

  it('numbers blocks in the order of their first mention, and never shows an address', async () => {
    const injected: unknown[] = [];
    const script: Partial<Script> = { extents: [extent(0, 8192, 40_960), extent(8192, 4096, 4096)], badBlocks: [] };
    const steps: Step[] = [
      create, { do: 'inject', ...at(8704, 512) }, { do: 'badBlocks', file: 'a' }, { do: 'block', file: 'a', offset: 4096 }, { do: 'block', file: 'a', offset: 8192 },
      { do: 'block', file: 'a', offset: 12_288 }, { do: 'extents', file: 'a' },
    ];
    const done = await outcomes(steps, script, {
      inject(range) {
        injected.push(range);
        // Two sectors on from a block that the file does not have.
        script.badBlocks?.push(range, { offset: 81_920 + 1024, length: 3584 });
        return Promise.resolve();
      },
    });
    expect(injected).toEqual([{ offset: 4608, length: 512 }]);
    expect(done.slice(1)).toEqual([
      { block: 'block 1' },
      { inFile: [[8704, 512]], onDevice: ['block 1 [512, 1024)', 'block 2 [1024, 4096)', 'block 3 [0, 512)'] },
      { block: 'block 4' }, { block: 'block 1' }, { block: 'none' },
      { extents: ['[0, 8192)', '[8192, 12288)'] },
    ]);
  });

  it('marks extents that continue on the device', async () => {
    const extents = [extent(0, 4096, 8192), { ...extent(4096, 4096, 12_288), unwritten: true }, { ...extent(8192, 4096, 8192), shared: true }, extent(16_384, 4096, 12_288)];
    expect((await outcomes([create, { do: 'extents', file: 'a' }], { extents }))[1]).toEqual({
      extents: ['[0, 4096)', '[4096, 8192) + unwritten', '[8192, 12288) shared', '[16384, 20480)'],
    });
  });

  it('goes on where a file does not open or its size is not to be had', async () => {
    const steps: Step[] = [create, { do: 'pread', ...at(0, 8), file: 'b' }, { do: 'inject', ...at(0, 512), file: 'b' }, { do: 'size', file: 'a' }];
    expect((await outcomes(steps, { sizeFails: true })).slice(1)).toEqual([{ notOpen: 'b' }, { notOpen: 'b' }, { fileSizeBytes: 'unknown' }]);
  });

  it('names the step that cannot be carried out, and closes what is open', async () => {
    const failing = outcomes([create, { do: 'exhaust' }], {}, { exhaust: () => Promise.reject(new Error('no statfs')) });
    await expect(failing).rejects.toThrow('test, step 2 (exhaust) cannot be carried out');
    await expect(outcomes([create, { do: 'inject', ...at(100, 512) }])).rejects.toMatchObject({ cause: { message: 'poison comes in whole sectors' } });
    await expect(outcomes([create, { do: 'inject', ...at(20_480, 512) }])).rejects.toMatchObject({ cause: { message: 'no block holds byte 20480' } });
  });
});
