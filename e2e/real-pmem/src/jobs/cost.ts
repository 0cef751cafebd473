/** The hot path on a file that is mapped with MAP_SYNC makes no system call, to make bytes durable neither: strace counts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { guestPaths } from '../protocol.js';
import { jobContext } from './job-io.js';

type Run = (command: string, args: readonly string[]) => unknown;
type SystemCallsOf = (directory: string, log: string, run: Run) => Readonly<Record<string, number>>;

/** What `npm run test:cost` counts with, on a filesystem without DAX. */
const counter = path.join(guestPaths.tree, 'packages', 'native', 'cost', 'system-calls.mjs');
const { systemCallsOf } = (await import(counter)) as { readonly systemCallsOf: SystemCallsOf };

const directory = path.join(jobContext().mountPoint, 'cost');
mkdirSync(directory);
chmodSync(directory, 0o700);

void describe('system calls of one operation', () => {
  void it('the file is mapped with MAP_SYNC and persists by flushing cache lines', async () => {
    const file = await PmemFile.open(path.join(directory, 'facts'), { driver: nativeDriver(), create: true, size: 4096, preallocate: true });
    const { persistMethod } = file.info();
    await file.close();
    assert.equal(persistMethod, 'cpu-flush');
  });

  const log = path.join(mkdtempSync('/tmp/cost-'), 'strace');
  const run: Run = (command, args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const counts = systemCallsOf(directory, log, run);
  for (const [operation, calls] of Object.entries(counts)) {
    // A view is a mapping of its own: it is made, and taken away again.
    if (operation === 'withView') {
      void it(`${operation}: its mapping`, () => { assert.ok(calls >= 2 && calls <= 4, `${String(calls)} calls`); });
    } else if (operation === 'readZeros') {
      void it(`${operation}: the size of the file`, () => { assert.equal(calls, 1); });
    } else {
      void it(`${operation}: none`, () => { assert.equal(calls, 0); });
    }
  }

  void it('ten operations were counted', () => {
    assert.equal(Object.keys(counts).length, 10);
  });
});
