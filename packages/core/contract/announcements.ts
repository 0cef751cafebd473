/** Memory that the kernel announces as lost, before anything accesses it. */
import assert from 'node:assert/strict';
import type { ByteRange } from '../src/index.js';
import { pageBytesOf, type Check, type DriverSupport } from './machine.js';
import { openFile, pattern, store, withNewFile } from './opened-file.js';

/** Resolves when there are so many; the limit of time of the test framework ends a wait for what never comes. */
async function until(heard: readonly ByteRange[], count: number): Promise<void> {
  while (heard.length < count) await new Promise(setImmediate);
}

export function checkAnnouncements(check: Check, supports: DriverSupport): void {
  const PAGE = pageBytesOf(supports);
  check('hears that memory of the file is lost, or says why it does not', async (machine) => {
    await withNewFile(machine, 8 * PAGE, async (file, path) => {
      store(file, 0, pattern(8 * PAGE));
      const heard: ByteRange[] = [];
      const alsoHeard: ByteRange[] = [];
      const otherHeard: ByteRange[] = [];
      const outcome = file.watchMemory((range) => { heard.push(range); });
      if (!outcome.supported) {
        assert.notEqual(outcome.reason, '');
        return;
      }
      if (machine.announce === undefined) {
        outcome.watch.close();
        return;
      }
      const second = await openFile(machine, path);
      const alsoOutcome = second.watchMemory((range) => { alsoHeard.push(range); });
      const other = await openFile(machine, machine.path('other'), { create: true, sizeBytes: PAGE });
      const otherOutcome = other.watchMemory((range) => { otherHeard.push(range); });
      assert.ok(alsoOutcome.supported && otherOutcome.supported);

      machine.announce(file, 5 * PAGE);
      await until(heard, 1);
      await until(alsoHeard, 1);
      assert.deepEqual(heard, [{ offset: 5 * PAGE, length: PAGE }]);
      assert.deepEqual(alsoHeard, heard, 'another open file of the same inode is told too');

      outcome.watch.close();
      outcome.watch.close();
      machine.announce(file, 6 * PAGE);
      await until(alsoHeard, 2);
      assert.equal(heard.length, 1, 'after close() nothing is heard');
      assert.deepEqual(otherHeard, [], 'another file is told nothing');
      alsoOutcome.watch.close();
      otherOutcome.watch.close();
      await second.close();
      await other.close();
      assert.equal(second.watchMemory(() => undefined).supported, false);
    });
  });
}
