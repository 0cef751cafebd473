/**
 * Do the explorations bite? Bugs that logs really have, and the wrong variants of this one's commit, planted one at a
 * time, are each found by them. That the log without them passes is explore.test.ts.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ByteRange, PmemFile } from '@safe-pmem/core';
import type { ExplorationTarget } from '@safe-pmem/mock';
import type * as CommitSlot from '../../src/wal/format/commit-slot.js';
import type * as Crc32 from '../../src/wal/format/crc32.js';
import type * as Format from '../../src/wal/format/format.js';
import type * as FollowPage from '../../src/wal/open/follow-page.js';
import type * as LastBatch from '../../src/wal/open/last-batch.js';
import type * as LogFiles from '../../src/wal/log-files.js';
import type * as Replay from '../../src/wal/read/replay.js';

const PAGE = 4096;
const TIMEOUT_MS = 300_000;
const MODULES = [
  'format/commit-slot', 'format/crc32', 'format/format', 'open/follow-page', 'open/last-batch', 'log-files',
  'read/replay', 'repair/earlier-moment',
];

afterEach(() => {
  for (const name of MODULES) vi.doUnmock(`../../src/wal/${name}.js`);
});

async function targetsNow(): Promise<readonly ExplorationTarget[]> {
  vi.resetModules();
  return (await import('../../explore/wal.js')).targets;
}

/** What the first exploration on a `machine` says that fails; undefined if none does. */
async function finding(way: string, { limit = 300, machine = 'ext4' } = {}): Promise<string | undefined> {
  const targets = await targetsNow();
  for (const target of targets.filter(({ name }) => name.startsWith(`wal, ${machine}`) && name.endsWith(way))) {
    const found = await target.run({ seed: 1, limit, shrinkRuns: 20 }).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A file that forgets to persist what `forgets` says. */
function forgetful(file: PmemFile, forgets: (position: number) => boolean): PmemFile {
  return new Proxy(file, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name === 'persistRanges') {
        return (ranges: readonly ByteRange[]) => {
          target.persistRanges(ranges.filter(({ offset }) => !forgets(offset)));
        };
      }
      if (name !== 'persist') return value.bind(target) as unknown;
      return (position: number, length: number) => {
        if (!forgets(position)) target.persist(position, length);
      };
    },
  });
}

function plantMissingPersist(forgets: (position: number, file: PmemFile) => boolean): void {
  vi.doMock('../../src/wal/log-files.js', async (original) => {
    const logFiles = await original<typeof LogFiles>();
    return {
      ...logFiles,
      logFileOf: (role: LogFiles.Role, file: PmemFile) =>
        logFiles.logFileOf(role, forgetful(file, (position) => forgets(position, file))),
    };
  });
}

/** Puts `change` in the place of what last-batch.ts finds. */
function plantVerdict(change: (state: LastBatch.BatchState) => LastBatch.BatchState): void {
  vi.doMock('../../src/wal/open/last-batch.js', async (original) => {
    const batch = await original<typeof LastBatch>();
    const judgeLastBatch: typeof batch.judgeLastBatch = (...args) => change(batch.judgeLastBatch(...args));
    return { ...batch, judgeLastBatch };
  });
}

describe('a log', () => {
  test('that does not persist its records is found out', async () => {
    plantMissingPersist((position, { size }) => position >= PAGE && position < size - PAGE);
    expect(await finding('every crash')).toMatch(/committed up to \d+; acknowledged/);
  }, TIMEOUT_MS);

  test('that does not persist its commit point is found out', async () => {
    plantMissingPersist((position, { size }) => position < PAGE || position >= size - PAGE);
    expect(await finding('every crash')).toMatch(/no header copy is left|committed up to \d+; acknowledged/);
  }, TIMEOUT_MS);

  test('whose checksums verify everything is found out', async () => {
    vi.doMock('../../src/wal/format/crc32.js', async (original) => (
      { ...(await original<typeof Crc32>()), crc32: () => 7 }
    ));
    expect(await finding('every crash')).toMatch(/state \d+ fails/);
  }, TIMEOUT_MS);

  test('that takes a page that it cannot read for the end is found out', async () => {
    vi.doMock('../../src/wal/read/replay.js', async (original) => {
      const replay = await original<typeof Replay>();
      return {
        ...replay,
        *assemble(pages: Iterable<{ readonly damage: readonly unknown[] }>): Generator {
          const good: unknown[] = [];
          for (const page of pages) {
            if (page.damage.length > 0) break;
            good.push(page);
          }
          for (const item of replay.assemble(good as never, { firstSequence: 1, lastSequence: Number.MAX_SAFE_INTEGER })) {
            if (item.type === 'record') yield item;
          }
        },
      };
    });
    expect(await finding('every poison, crash')).toMatch(/ended before|came where/);
  }, TIMEOUT_MS);
});

describe('a commit of one flush', () => {
  test('that believes a commit point without a look at its batch is found out', async () => {
    plantVerdict(() => 'whole');
    expect(await finding('every crash')).toMatch(/lost, and no page is to blame/);
  }, TIMEOUT_MS);

  test('that never believes its last batch is found out', async () => {
    plantVerdict(() => 'absent');
    expect(await finding('every crash')).toMatch(/committed up to \d+; acknowledged/);
  }, TIMEOUT_MS);

  test('that gives up a batch of which a page cannot be read is found out', async () => {
    plantVerdict((state) => (state === 'unknown' ? 'absent' : state));
    expect(await finding('every poison, crash')).toMatch(/committed up to \d+; acknowledged/);
  }, TIMEOUT_MS);

  test('that reports a batch as lost which was never acknowledged is found out', async () => {
    plantVerdict((state) => (state === 'absent' ? 'unknown' : state));
    expect(await finding('every crash')).toMatch(/lost, and no page is to blame/);
  }, TIMEOUT_MS);

  test('that takes records of an earlier era for those of its last batch is found out', async () => {
    vi.doMock('../../src/wal/format/format.js', async (original) => (
      { ...(await original<typeof Format>()), eraMark: () => 1 }
    ));
    expect(await finding('a page begun, every crash', { limit: 3000 })).toMatch(/wrong bytes/);
  }, TIMEOUT_MS);

  test('that takes a batch from one file and leaves the other without it is found out', async () => {
    vi.doMock('../../src/wal/open/last-batch.js', async (original) => {
      return { ...(await original<typeof LastBatch>()), completeEveryFile: () => undefined };
    });
    // A repair would find the other file's page to be of an earlier moment, and make up for the start.
    vi.doMock('../../src/wal/repair/earlier-moment.js', () => ({ isOfEarlierMoment: () => false }));
    expect(await finding('every crash', { machine: 'ext4 6.12 with mirror' })).toMatch(/lost, and no page is to blame/);
  }, TIMEOUT_MS);

  test('that stores each commit point over the one in force is found out', async () => {
    vi.doMock('../../src/wal/format/commit-slot.js', async (original) => {
      const slots = await original<typeof CommitSlot>();
      return { ...slots, slotOffset: () => slots.slotOffset(2) };
    });
    expect(await finding('every crash')).toMatch(/the commit point is lost|acknowledged/);
  }, TIMEOUT_MS);

  test('whose near slot is lost, and that does not look for it in its page, is found out', async () => {
    vi.doMock('../../src/wal/open/follow-page.js', () => {
      const followPage: typeof FollowPage.followPage = (_, { endOffset, lastSequence }) => {
        const end = { endOffset, lastSequence };
        return { known: end, possible: end };
      };
      return { followPage };
    });
    expect(await finding('every poison, crash', { limit: 3000 })).toMatch(/committed up to \d+; acknowledged/);
  }, TIMEOUT_MS);

  test('that calls the batch before certain while it is not is found out', async () => {
    vi.doMock('../../src/wal/format/commit-slot.js', async (original) => {
      const slots = await original<typeof CommitSlot>();
      class SlotEncoder extends slots.SlotEncoder {
        override encode(point: CommitSlot.CommitPoint): Uint8Array {
          const { endOffset, lastSequence } = point;
          return super.encode({ ...point, certainOffset: endOffset, certainSequence: lastSequence });
        }
      }
      return { ...slots, SlotEncoder };
    });
    expect(await finding('every crash')).toMatch(/lost, and no page is to blame/);
  }, TIMEOUT_MS);
});
