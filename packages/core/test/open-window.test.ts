import { expect, it } from 'vitest';
import { OpenWindow } from '../src/access/open-window.js';
import { OpenState } from '../src/opening/open-state.js';
import type { CompleteFile, CaughtFault, MemoryWindow } from '../src/index.js';
import { LoadsStores } from '../src/access/loads-stores.js';
import { Numbers } from '../src/access/numbers.js';
import { facts, healthyProbe, scriptedFile } from './scripted-file.js';

const fault: CaughtFault = { position: 5000, signalCode: 2, granuleLog2: 12 };

function windowOf(length: number): MemoryWindow {
  const bytes = Buffer.from(new ArrayBuffer(length));
  return { start: 0, bytes, data: new DataView(bytes.buffer), faults: new Int32Array(1) };
}

function accessesOf(answers: Partial<CompleteFile>): LoadsStores {
  return new LoadsStores(new OpenState(scriptedFile(answers)));
}

function numbersOf(answers: Partial<CompleteFile>): Numbers {
  const state = new OpenState(scriptedFile({ mappedBytes: 8192, ...answers }));
  return new Numbers(state, new LoadsStores(state));
}

it('is as long as the file reaches, and nothing once it is shut', () => {
  const window = new OpenWindow();
  expect(window.limit).toBe(0);
  window.open({ ...windowOf(8192), start: 4096 }, 5000);
  expect(window.limit).toBe(904);
  window.open(windowOf(8192), 20_000);
  expect(window.limit).toBe(8192);
  window.shut();
  expect([window.limit, window.bytes.length, window.data.byteLength, window.faults[0]]).toEqual([0, 0, 0, 0]);
});

it('is left alone once a fault may have cost it its memory', () => {
  const window = windowOf(8192);
  const stored: number[] = [];
  const file = accessesOf({
    facts: { ...facts, readOnly: false },
    mappedBytes: 8192,
    memoryWindow: () => (window.bytes.length === 0 ? undefined : window),
    write: (_source, position) => {
      stored.push(position);
      return undefined;
    },
    probe: () => ({ ...healthyProbe, fileSizeBytes: 4096 }),
    takeFault: () => {
      window.faults[0] = 0;
      structuredClone(window.bytes.buffer, { transfer: [window.bytes.buffer as ArrayBuffer] });
      return fault;
    },
  });
  file.write(new Uint8Array(4), 0);
  expect(stored).toEqual([0]);
  file.write(new Uint8Array(4), 8);
  expect(stored, 'the second went through the window').toEqual([0]);
  window.faults[0] = 1;
  expect(() => { file.write(new Uint8Array(4), 5000); }).toThrow(expect.objectContaining({ code: 'ERR_PMEM_TRUNCATED' }));
  stored.length = 0;
  file.write(new Uint8Array(4), 8);
  expect(stored).toEqual([8]);
});

/** Numbers of a file whose driver finds that every page is bad, once a load in the window has met a fault. */
function onBadPage(window: MemoryWindow): Numbers {
  return numbersOf({
    memoryWindow: () => window,
    takeFault: () => {
      window.faults[0] = 0;
      return fault;
    },
    read: (_target, position) => ({ ...fault, position }),
    probe: () => ({ ...healthyProbe, readErrno: 5 }),
  });
}

it('gives a number only if its load met no fault', () => {
  const window = windowOf(8192);
  window.bytes.fill(7);
  const numbers = onBadPage(window);
  expect(numbers.readUInt32LE(5000)).toBe(0x07070707);
  window.faults[0] = 1;
  expect(() => numbers.readUInt32LE(5000)).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
});

it('gives a number whose load met a fault that has passed', () => {
  const window = windowOf(8192);
  const numbers = numbersOf({
    memoryWindow: () => window,
    takeFault: () => {
      window.faults[0] = 0;
      return fault;
    },
    read: (target) => void target.fill(9),
    probe: () => healthyProbe,
  });
  window.bytes.fill(7);
  expect(numbers.readUInt16BE(5000)).toBe(0x0707);
  window.faults[0] = 1;
  expect(numbers.readUInt16BE(5000)).toBe(0x0909);
});

it('shows zeros behind a cut, which are no number', () => {
  const window = windowOf(8192);
  window.bytes.fill(7, 0, 6000);
  let sizeBytes = 8192;
  const numbers = numbersOf({ memoryWindow: () => window, fileSizeSync: () => ({ sizeBytes }) });
  expect([numbers.readUInt32LE(5996), numbers.readUInt32LE(6000)]).toEqual([0x07070707, 0]);
  sizeBytes = 6000;
  expect(() => numbers.readUInt32LE(6000)).toThrow(expect.objectContaining({ code: 'ERR_PMEM_TRUNCATED' }));
});

it('shows numbers of which a cut took the end, which are none', () => {
  const window = windowOf(8192);
  const longer = ['UInt16', 'Int16', 'UInt32', 'Int32', 'BigUInt64', 'BigInt64', 'Float', 'Double'];
  const methods = ['UInt8', 'Int8', ...longer.flatMap((name) => [`${name}LE`, `${name}BE`])];
  for (const name of methods) {
    const read = `read${name}` as 'readUInt32LE';
    const bits = /\d+/.exec(name)?.[0] ?? (name.startsWith('Float') ? 32 : 64);
    const length = Number(bits) / 8;
    // Negative numbers as well: their sign is in the byte that a cut takes last or first.
    for (const byte of [7, 0xf7]) {
      window.bytes.fill(byte, 0, 6000);
      window.bytes.fill(0, 6000);
      const numbers = numbersOf({ memoryWindow: () => window, fileSizeSync: () => ({ sizeBytes: 6000 }) });
      numbers.readUInt8(0);
      expect(numbers[read](6000 - length), name).toBe(Buffer.alloc(8, byte)[read](0));
      for (let cut = 1; cut <= length; cut++) {
        const what = `${name}, ${cut} of its bytes cut off`;
        const refusal = expect.objectContaining({ code: 'ERR_PMEM_TRUNCATED' }) as Error;
        expect(() => numbers[read](6000 - length + cut), what).toThrow(refusal);
      }
    }
  }
});

it('gives no integer whose load met a fault, whatever its last byte is', () => {
  const window = windowOf(8192);
  window.bytes.fill(7);
  const longer = ['UInt16', 'Int16', 'UInt32', 'Int32'].flatMap((name) => [`${name}LE`, `${name}BE`]);
  for (const name of ['UInt8', 'Int8', ...longer]) {
    const numbers = onBadPage(window);
    const read = `read${name}` as 'readUInt32LE';
    expect(numbers[read](5000), name).not.toBe(0);
    window.faults[0] = 1;
    expect(() => numbers[read](5000), name).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
  }
});

it('is open only while nothing has to be kept from anybody, and not in the middle of a resize', async () => {
  const memory = windowOf(8192);
  const state = new OpenState(scriptedFile({ mappedBytes: 8192, memoryWindow: () => memory }));
  const { unsafe, window } = state;
  expect(state.openWindow(0, 8)).toBe(true);
  const page = { offset: 4096, length: 4096 };
  unsafe.addMet([page]);
  expect(window.limit).toBe(0);
  expect(state.openWindow(0, 8)).toBe(false);
  unsafe.markRepaired([page]);
  expect(state.openWindow(0, 8)).toBe(true);
  await state.whileResizing(4096, async () => {
    expect(window.limit).toBe(0);
    expect(state.openWindow(0, 8)).toBe(false);
    await state.whileResizing(8192, () => Promise.resolve());
    expect(state.openWindow(0, 8), 'another resize is still under way').toBe(false);
  });
  expect(state.openWindow(0, 8)).toBe(true);
  state.close();
  expect(window.limit).toBe(0);
  expect(state.openWindow(0, 8)).toBe(false);
});
