/**
 * Runs random cases by their seeds. FUZZ_SECONDS says for how long each engine is fuzzed, in place of a number of
 * cases; FUZZ_SEED reruns one case. The seed at hand stands in the file FUZZ_TRACE, if that is given: for what never
 * ends.
 */
import { writeFileSync } from 'node:fs';
import { isPmemError } from '@safe-pmem/core';
import { Random } from '../wal/log-machine.js';

/** What an engine may say of its own. */
const CODES = /^(ERR_(WAL|PAGES|PMEM|REPLICATED)_|LEVEL_)/;

/** Some number that a field may hold, around what it holds now or at an edge. */
export function oddNumber(random: Random, current: bigint, bits: 16 | 32 | 48 | 64): bigint {
  const powers = [15n, 31n, 32n, 53n, 63n].flatMap((power) => [1n << power, (1n << power) - 1n]);
  const edges = [0n, 1n, 2n, 4095n, 4096n, -1n, -2n, ...powers];
  const steps = [1n, 7n, 8n, 4064n, 4096n, 8n * 4096n, 1n << 20n];
  const edge = edges[random.below(edges.length)] ?? 0n;
  const step = steps[random.below(steps.length)] ?? 1n;
  const value = random.chance(40) ? edge : random.chance(50) ? current + step : current - step;
  return BigInt.asUintN(bits, value);
}

/** Throws an error that is not one of an engine's own: a bare RangeError, say. */
export function requireOwnError(error: unknown): void {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  if (typeof code !== 'string' || !CODES.test(code)) throw error;
  // Level wraps what its open() met.
  if (code === 'LEVEL_DATABASE_NOT_OPEN' && cause !== undefined && !isPmemError(cause)) requireOwnError(cause);
}

/** The outcome of something that may fail with an error of an engine, as undefined. */
export async function unlessRefused<Result>(work: () => Result | Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    requireOwnError(error);
    return undefined;
  }
}

/** Runs `one` for `count` seeds, or for FUZZ_SECONDS. What it throws is thrown with the seed. */
export async function fuzz(name: string, count: number, one: (random: Random) => Promise<void>): Promise<void> {
  const { FUZZ_SEED, FUZZ_SECONDS, FUZZ_TRACE, SAFE_PMEM_SEED } = process.env;
  const fresh = Number(SAFE_PMEM_SEED ?? Date.now() % 1_000_000_000);
  const first = Number(FUZZ_SEED ?? (FUZZ_SECONDS === undefined ? 1 : fresh));
  const end = performance.now() + 1000 * Number(FUZZ_SECONDS ?? 0);
  const isOver = (done: number): boolean => {
    if (FUZZ_SEED !== undefined) return done > 0;
    return FUZZ_SECONDS === undefined ? done >= count : performance.now() >= end;
  };
  let done = 0;
  for (; !isOver(done); done++) {
    const seed = first + done;
    if (FUZZ_TRACE !== undefined) writeFileSync(FUZZ_TRACE, `${name}: FUZZ_SEED=${seed}`);
    try {
      await one(new Random(seed));
    } catch (cause) {
      throw new Error(`${name}: FUZZ_SEED=${seed} reruns it`, { cause });
    }
    if (done % 16 === 0) await new Promise(setImmediate);
  }
  console.log(`fuzz ${name}: ${done} cases from seed ${first}`);
}
