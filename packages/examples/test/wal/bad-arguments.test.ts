/** Arguments that are none: a clear error, and nothing is changed. */
import { expect, test } from 'vitest';
import type { WalOptions } from '../../src/wal/index.js';
import { Wal } from '../../src/wal/index.js';
import { LogMachine } from './log-machine.js';

async function machineAndOptions(): Promise<{ machine: LogMachine; options: WalOptions }> {
  const machine = new LogMachine({ pages: 8 });
  return { machine, options: { file: await machine.openFile('log'), create: true } };
}

test.each([
  ['none', () => undefined, /options must be an object/],
  ['no file', () => ({}), /options\.file must be a PmemFile/],
  ['a path as the file', () => ({ file: '/pmem0/log' }), /options\.file must be a PmemFile/],
  ['a path as the mirror', (good: WalOptions) => ({ ...good, mirror: '/m' }), /options\.mirror must be a PmemFile/],
  ['a text as a switch', (good: WalOptions) => ({ ...good, create: 'yes' }), /options\.create must be a boolean/],
] as const)('options: %s', async (_, optionsOf, message) => {
  const { machine, options } = await machineAndOptions();
  const opening = Wal.open(optionsOf(options) as unknown as WalOptions);
  await expect(opening).rejects.toThrow(TypeError);
  await expect(opening).rejects.toThrow(message);
  expect(machine.page('log', 0).every((byte) => byte === 0)).toBe(true);
});
