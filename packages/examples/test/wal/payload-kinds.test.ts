/** Payloads in every kind of array: what is committed is what the application saw when it appended them. */
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Wal } from '../../src/wal/index.js';
import { LogMachine, itemsOf, payloadOf } from './log-machine.js';

/** Constructed from a text: the arguments that subarray() gives its constructor mean something else here. */
class Text extends Uint8Array {
  constructor(text: unknown) {
    super(new TextEncoder().encode(String(text)));
  }
}

/** Its length is not that of its bytes, as of a message that counts its body only. */
class Message extends Uint8Array {
  override get length(): number {
    return 1;
  }
}

const LENGTHS = [20, 20, 6000];
const openLog = (): Promise<Wal> => new LogMachine({ pages: 16 }).open({ create: true });

const KINDS: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  'a Buffer': (bytes) => Buffer.from(bytes),
  'a view into something larger': (bytes) => new Uint8Array([9, ...bytes, 9]).subarray(1, -1),
  'a class with a constructor of its own': (bytes) => new Text(Buffer.from(bytes).toString('latin1')),
  'a class with a length of its own': (bytes) => new Message(bytes),
  'of another realm': (bytes) => runInNewContext('new Uint8Array(bytes)', { bytes: [...bytes] }) as Uint8Array,
  'over shared memory': (bytes) => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    return shared;
  },
};

test.each(Object.entries(KINDS))('%s', async (_, kindOf) => {
  const wal = await openLog();
  const expected: Uint8Array[] = [];
  for (const [index, lengthBytes] of LENGTHS.entries()) {
    const payload = kindOf(payloadOf(index, lengthBytes).map((byte) => 32 + (byte % 64)));
    const { buffer, byteOffset, byteLength } = payload;
    expected.push(new Uint8Array(buffer, byteOffset, byteLength).slice());
    wal.append(payload);
    Uint8Array.prototype.fill.call(payload, 0);
  }
  wal.commit();
  const records = (await itemsOf(wal)).map((item) => (item.type === 'record' ? item.payload.slice() : item));
  expect(records).toEqual(expected);
});

test('bytes that have gone to another thread, or of which the buffer was cut short, are refused', async () => {
  const wal = await openLog();
  const first = wal.append(new Uint8Array(0));
  const moved = new Uint8Array(10);
  structuredClone(moved.buffer, { transfer: [moved.buffer] });
  const resizable = new ArrayBuffer(10, { maxByteLength: 10 });
  const cut = new Uint8Array(resizable, 4, 4);
  resizable.resize(2);
  for (const payload of [moved, cut]) {
    expect(() => wal.append(payload)).toThrow(TypeError);
    await expect(wal.appendDurable(payload)).rejects.toThrow(/detached, or too short/);
  }
  expect(wal.append(new Uint8Array(resizable))).toBe(first + 1);
});
