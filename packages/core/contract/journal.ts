import assert from 'node:assert/strict';
import { basename } from 'node:path';
import type { CompleteFile, JournalFile } from '../src/index.js';
import type { Check } from './machine.js';
import { assertErrno, assertSameBytes, openFile, pattern, withNewFile } from './opened-file.js';

const LIMIT_BYTES = 1 << 20;
const MARK = Buffer.from('1 mark of the contract');

function journalOf(bytes: Uint8Array): JournalFile {
  return { bytes, mark: MARK, temporary: '.repair-contract.tmp', isNew: false };
}

async function assertJournal(file: CompleteFile, place: string, expected: Uint8Array): Promise<void> {
  for (const outcome of [await file.readJournal(place, LIMIT_BYTES), file.readJournalSync(place, LIMIT_BYTES)]) {
    if (outcome.status !== 'present') assert.fail(`the journal is ${outcome.status}`);
    assertSameBytes(Uint8Array.from(outcome.bytes), expected);
    assert.equal(outcome.ownerId, file.facts.ownerId);
    // Made after the file, by the same clock.
    const { modifiedMs, changedMs, bootedMs } = file.facts;
    assert.ok(outcome.modifiedMs >= modifiedMs && modifiedMs > 0);
    assert.ok(changedMs >= modifiedMs && changedMs > bootedMs && bootedMs > 0);
    if (file.readMark().status !== 'unsupported') assertSameBytes(Uint8Array.from(outcome.mark ?? []), MARK);
  }
}

function nameOf(path: string, ending: string): string {
  return basename(path) + ending;
}

export function checkJournal(check: Check): void {
  check('is absent at first, and its removal is no failure', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      const place = nameOf(path, '.repair');
      assert.deepEqual(await file.readJournal(place, LIMIT_BYTES), { status: 'absent' });
      assert.deepEqual(file.readJournalSync(place, LIMIT_BYTES), { status: 'absent' });
      assert.equal(await file.removeJournal(place), undefined);
      assert.equal(file.removeJournalSync(place), undefined);
    });
  });

  check('is replaced whole, by either way of writing', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      const place = nameOf(path, '.repair');
      assert.equal(await file.writeJournal(place, journalOf(pattern(10_000))), undefined);
      await assertJournal(file, place, pattern(10_000));
      assert.equal(file.writeJournalSync(place, journalOf(pattern(50, 2))), undefined);
      await assertJournal(file, place, pattern(50, 2));
      const other = await openFile(machine, path);
      await assertJournal(other, place, pattern(50, 2));
      await assertJournal(other, `${path}.repair`, pattern(50, 2));
      await other.close();
      assert.equal(file.removeJournalSync(place), undefined);
      assert.deepEqual(await file.readJournal(place, LIMIT_BYTES), { status: 'absent' });
    });
  });

  check('is not read when it is over the limit', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      const place = nameOf(path, '.repair');
      assert.equal(await file.writeJournal(place, journalOf(pattern(101))), undefined);
      assert.deepEqual(await file.readJournal(place, 100), { status: 'too-large', sizeBytes: 101 });
      assert.equal((await file.readJournal(place, 101)).status, 'present');
      assert.equal(await file.removeJournal(place), undefined);
      assert.equal((await file.readJournal(place, 101)).status, 'absent');
    });
  });

  check('that is new takes no name that another file has by now', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      const place = nameOf(path, '.repair');
      const first = { ...journalOf(pattern(10)), isNew: true };
      assert.equal(await file.writeJournal(place, first), undefined);
      assertErrno(await file.writeJournal(place, { ...first, bytes: pattern(20) }), 17);
      assertErrno(file.writeJournalSync(place, { ...first, bytes: pattern(20) }), 17);
      await assertJournal(file, place, pattern(10));
    });
  });

  check('has a name that the filesystem can keep, or is refused', async (machine) => {
    await withNewFile(machine, 4096, async (file) => {
      assertErrno(await file.writeJournal('n'.repeat(256), journalOf(pattern(10))), 36);
      const outcome = await file.readJournal('n'.repeat(256), LIMIT_BYTES);
      assert.equal(outcome.status === 'failed' ? outcome.failure.errno : outcome.status, 36);
    });
  });
}

export function checkMark(check: Check): void {
  check('is absent at first, kept by the file, and gone once it is removed', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      if (file.readMark().status === 'unsupported') {
        assertErrno(file.writeMarkSync(MARK), 95);
        return;
      }
      assert.deepEqual(file.readMark(), { status: 'absent' });
      assert.equal(await file.writeMark(MARK), undefined);
      const other = await openFile(machine, path);
      const found = other.readMark();
      assertSameBytes(found.status === 'present' ? Uint8Array.from(found.bytes) : new Uint8Array(0), MARK);
      assert.equal(other.writeMarkSync(new Uint8Array(0)), undefined);
      assert.equal(await other.writeMark(new Uint8Array(0)), undefined);
      await other.close();
      assert.deepEqual(file.readMark(), { status: 'absent' });
    });
  });

  check('settles the folder of a journal, wherever that is, and changes nothing', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      const place = nameOf(path, '.repair');
      const journal = { bytes: Buffer.from('one'), mark: MARK, temporary: '.repair-contract.tmp', isNew: true };
      assert.equal(await file.writeJournal(place, journal), undefined);
      for (const there of [place, `${path}.repair`, nameOf(path, '.none')]) {
        assert.equal(await file.settleJournal(there), undefined);
        assert.equal(file.settleJournalSync(there), undefined);
      }
      const found = file.readJournalSync(place, 100);
      const bytes = found.status === 'present' ? Uint8Array.from(found.bytes) : new Uint8Array(0);
      assertSameBytes(bytes, Buffer.from('one'));
    });
  });

  check('tells which files are in its folder, or says that it does not', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      const [listed, atOnce] = [await file.listFolder(), file.listFolderSync()];
      if ('failure' in listed) {
        assertErrno(listed.failure, 95);
        assert.deepEqual([atOnce, file.identify(basename(path))], [listed, undefined]);
        return;
      }
      assert.ok(listed.names.includes(basename(path)));
      assert.deepEqual('names' in atOnce ? [...atOnce.names].sort() : atOnce, [...listed.names].sort());
      const { inode, birthTimeNs } = file.facts;
      const found = file.identify(basename(path));
      assert.equal(found !== undefined && 'inode' in found ? found.inode : undefined, inode);
      if (birthTimeNs !== 0n) assert.deepEqual(found, { inode, birthTimeNs });
      assert.equal(file.identify(nameOf(path, '.none')), undefined);
    });
  });

  check('a new file has one name, the one it was opened with', async (machine) => {
    await withNewFile(machine, 4096, (file) => {
      assert.deepEqual(file.names(), { linkCount: 1, isAtPath: true });
    });
  });
}
