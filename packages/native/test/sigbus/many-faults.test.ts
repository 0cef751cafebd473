import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { tmpfsDirectory } from './scratch-directory.js';

/** At 100,000 faults, 42 bytes a fault. With a small young generation the process breathes by less than half a MiB. */
const GROWTH_BYTES_MAX = 4 * 2 ** 20;
const NODE_ARGS = ['--expose-gc', '--max-semi-space-size=1'];
/** The heap maps a few pieces again; one mapping a fault would be thousands. */
const NEW_MAPPINGS_MAX = 200;

let scratch: ScratchDirectory;
beforeEach(() => { scratch = tmpfsDirectory(); });
afterEach(() => { scratch.remove(); });

it.each([
  ['poisoned page', 'poison', 2000],
  ['truncated page', 'truncation', 100_000],
  ['error of PmemFile', 'errors', 20_000],
])('every fault is caught, and none leaves memory, mappings or descriptors behind: %s', async (_, kind, count) => {
  const report = reportOf(await runProgram('many-faults', [kind, String(count), scratch.path], { nodeArgs: NODE_ARGS }));
  expect(report).toMatchObject({ caught: count, descriptors: 0, healthy: 'right', sigbusBlocked: false });
  const { fileMappings, newMappings, growthBytes } = report as {
    readonly fileMappings: readonly [number, number];
    readonly newMappings: number;
    readonly growthBytes: number;
  };
  expect(fileMappings[1]).toBe(fileMappings[0]);
  expect(newMappings).toBeLessThan(NEW_MAPPINGS_MAX);
  expect(growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
});
