/**
 * The same random programs on PmemLevel, memory-level and classic-level: every answer and every error code is compared.
 * LEVEL_DIFFERENTIAL_SECONDS sets how long; LEVEL_DIFFERENTIAL_SEED reruns what a failure has printed.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sizeOf } from '../share.js';
import { compare } from './differential/compare.js';
import { programs } from './differential/operations.js';
import { classicSubject, memorySubject, pmemSubject } from './differential/subjects.js';

const seconds = Number(process.env.LEVEL_DIFFERENTIAL_SECONDS ?? sizeOf({ whole: 15, share: 0 }));
const { LEVEL_DIFFERENTIAL_SEED, SAFE_PMEM_SEED } = process.env;
const seed = Number(LEVEL_DIFFERENTIAL_SEED ?? SAFE_PMEM_SEED ?? Date.now() % 2 ** 31);

const OPERATIONS = 60;
/** So many programs run however slow the machine is: more than a thousand operations. */
const LEAST_PROGRAMS = sizeOf({ whole: 120, share: 15 });
const PROGRAMS_A_ROUND = 20;
const MOST_PROGRAMS = 1_000_000;

test('random programs get the same answers as from memory-level and classic-level', async () => {
  let run = 0;
  let operations = 0;
  const property = fc.asyncProperty(programs(OPERATIONS), async (program) => {
    await compare(program, [pmemSubject(), memorySubject(), await classicSubject()]);
    run++;
    operations += program.length;
  });
  const end = performance.now() + seconds * 1000;
  for (let round = 0; performance.now() < end || run < LEAST_PROGRAMS; round++) {
    // A failure is shrunk for at most a minute; what it prints can be shrunk on with its seed.
    const bounds = { numRuns: PROGRAMS_A_ROUND, interruptAfterTimeLimit: 60_000 + seconds * 1000 };
    await fc.assert(property, { seed: seed + round, ...bounds });
    if (run >= MOST_PROGRAMS) break;
  }
  console.log(`level: ${operations} operations in ${run} programs agree, seed ${seed}`);
  expect(operations).toBeGreaterThan(16 * LEAST_PROGRAMS);
}, 600_000 + seconds * 1000);
