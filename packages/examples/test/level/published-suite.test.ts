/** abstract-level's own test suite, as it is published, with the test runner that it is written for. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Driver } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import { PmemLevel } from '../../src/level/index.js';
import { sizeOf } from '../share.js';

interface Row {
  readonly type: string;
  readonly name?: string;
  readonly ok?: boolean;
  readonly skip?: unknown;
  readonly todo?: unknown;
}

interface Harness {
  createStream(options: { objectMode: true }): NodeJS.EventEmitter;
}

const require = createRequire(import.meta.url);
const { createHarness } = require('tape') as { createHarness: () => Harness };
interface SuiteOptions {
  readonly test: Harness;
  readonly factory: (options?: object) => unknown;
  readonly internals?: object;
}
const suite = require('abstract-level/test') as (options: SuiteOptions) => void;

/** The suite repeats itself on a sublevel, which is abstract-level's own code, unless one of its symbols is true here. */
const WITHOUT_SUBLEVEL = new Proxy({}, { get: () => true });

/** In memory where there is such a place: a thousand databases are made here, and each commit waits for its file. */
const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'safe-pmem-level-'));
/** The suite has long closed a database after which it has made so many others. */
const KEPT_DATABASES = 100;
afterAll(() => {
  rmSync(directory, { recursive: true });
}, 180_000);

/** Runs the suite; returns how many assertions held, and the names of those that did not, or were left out. */
async function run(prefix: string, newDriver: () => Driver): Promise<{ held: number; failed: string[]; left: string[] }> {
  const harness = createHarness();
  const rows = harness.createStream({ objectMode: true });
  let count = 0;
  suite({
    test: harness,
    internals: sizeOf({ whole: {}, share: WITHOUT_SUBLEVEL }),
    factory: (options = {}) => {
      const old = `${prefix}-${++count - KEPT_DATABASES}`;
      for (const suffix of ['pages', 'pages-mirror', 'log', 'log-mirror']) rmSync(`${old}.${suffix}`, { force: true });
      return new PmemLevel(`${prefix}-${count}`, { logBytes: 16 * 4096, ...options, driver: newDriver() });
    },
  });
  const result = { held: 0, failed: [] as string[], left: [] as string[] };
  let title = '';
  rows.on('data', (row: Row) => {
    if (row.type === 'test') title = row.name ?? '';
    if (row.type !== 'assert') return;
    const name = `${title}: ${row.name ?? ''}`;
    if (row.skip !== undefined && row.skip !== false) result.left.push(name);
    else if (row.todo !== undefined && row.todo !== false) result.left.push(name);
    else if (row.ok === true) result.held++;
    else result.failed.push(name);
  });
  await once(rows, 'end');
  return result;
}

/** Fewer would mean that a part of the suite was not run. */
const LEAST_ASSERTIONS = sizeOf({ whole: 5000, share: 2500 });

const RUNS = [
  ['the mock', () => run('/pmem/suite', mockDriver)],
  ['the native driver', () => run(join(directory, 'suite'), nativeDriver)],
] as const;

test.each(RUNS.slice(0, sizeOf({ whole: 2, share: 1 })))('on %s', async (name, runSuite) => {
  const { held, failed, left } = await runSuite();
  console.log(`abstract-level's suite on ${name}: ${held} assertions held, ${failed.length} failed, ${left.length} left out`);
  expect(failed).toEqual([]);
  expect(left).toEqual([]);
  expect(held).toBeGreaterThan(LEAST_ASSERTIONS);
}, 300_000);
