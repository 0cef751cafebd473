import assert from 'node:assert/strict';
import type { DriverFile } from '../src/index.js';
import type { Check } from './machine.js';
import { assertSameBytes, openFile, pattern, withNewFile } from './opened-file.js';

const LIMIT_BYTES = 1 << 20;

async function assertJournal(file: DriverFile, expected: Uint8Array): Promise<void> {
  for (const outcome of [await file.readJournal(LIMIT_BYTES), file.readJournalSync(LIMIT_BYTES)]) {
    if (outcome.status !== 'present') assert.fail(`the journal is ${outcome.status}`);
    assertSameBytes(Uint8Array.from(outcome.bytes), expected);
  }
}

export function checkJournal(check: Check): void {
  check('is absent at first, and its removal is no failure', async (machine) => {
    await withNewFile(machine, 4096, async (file) => {
      assert.deepEqual(await file.readJournal(LIMIT_BYTES), { status: 'absent' });
      assert.deepEqual(file.readJournalSync(LIMIT_BYTES), { status: 'absent' });
      assert.equal(await file.removeJournal(), undefined);
      assert.equal(file.replaceJournalSync(new Uint8Array(0)), undefined);
    });
  });

  check('is replaced whole, by either way of writing', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      assert.equal(await file.writeJournal(pattern(10_000)), undefined);
      await assertJournal(file, pattern(10_000));
      assert.equal(file.replaceJournalSync(pattern(50, 2)), undefined);
      await assertJournal(file, pattern(50, 2));
      const other = await openFile(machine, path);
      await assertJournal(other, pattern(50, 2));
      await other.close();
      assert.equal(file.replaceJournalSync(new Uint8Array(0)), undefined);
      assert.deepEqual(await file.readJournal(LIMIT_BYTES), { status: 'absent' });
    });
  });

  check('is not read when it is over the limit', async (machine) => {
    await withNewFile(machine, 4096, async (file) => {
      assert.equal(await file.writeJournal(pattern(101)), undefined);
      assert.deepEqual(await file.readJournal(100), { status: 'too-large', sizeBytes: 101 });
      assert.equal((await file.readJournal(101)).status, 'present');
      assert.equal(await file.removeJournal(), undefined);
      assert.equal((await file.readJournal(101)).status, 'absent');
    });
  });
}
