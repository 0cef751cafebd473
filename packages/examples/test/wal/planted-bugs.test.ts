/**
 * Do the explorations bite? Bugs that logs really have, planted one at a time, are each found by them. That the log
 * without them passes is explore.test.ts.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { PmemFile } from '@safe-pmem/core';
import type { ExplorationTarget } from '@safe-pmem/mock';
import type * as Crc32 from '../../src/wal/crc32.js';
import type * as Members from '../../src/wal/members.js';
import type * as Replay from '../../src/wal/replay.js';

const PAGE = 4096;

afterEach(() => {
  vi.doUnmock('../../src/wal/members.js');
  vi.doUnmock('../../src/wal/crc32.js');
  vi.doUnmock('../../src/wal/replay.js');
});

async function targetsNow(): Promise<readonly ExplorationTarget[]> {
  vi.resetModules();
  return (await import('../../explore/wal.js')).targets;
}

/** What the first exploration says that fails; undefined where none does. */
async function finding(way: string): Promise<string | undefined> {
  const targets = await targetsNow();
  for (const target of targets.filter(({ name }) => name.startsWith('wal, ext4') && name.endsWith(way))) {
    const found = await target.run({ seed: 1, limit: 300 }).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A file that forgets to persist where `forgets` says so. */
function forgetful(file: PmemFile, forgets: (position: number) => boolean): PmemFile {
  const skip = (position: number): boolean => forgets(position);
  return new Proxy(file, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'persist' && name !== 'persistAsync') return value.bind(target) as unknown;
      return (position: number, length: number) =>
        skip(position) ? forgotten(name) : (value.call(target, position, length) as unknown);
    },
  });
}

function forgotten(name: 'persist' | 'persistAsync'): unknown {
  return name === 'persist' ? undefined : Promise.resolve();
}

function plantMissingPersist(forgets: (position: number, file: PmemFile) => boolean): void {
  vi.doMock('../../src/wal/members.js', async (original) => {
    const members = await original<typeof Members>();
    return {
      ...members,
      memberOf: (role: Members.Role, file: PmemFile) =>
        members.memberOf(role, forgetful(file, (position) => forgets(position, file))),
    };
  });
}

describe('a log', () => {
  test('that does not persist its records before the commit point is found out', async () => {
    plantMissingPersist((position, { size }) => position >= PAGE && position < size - PAGE);
    expect(await finding('every crash')).toMatch(/lost, and no page is to blame/);
  });

  test('that does not persist its commit point is found out', async () => {
    plantMissingPersist((position, { size }) => position < PAGE || position >= size - PAGE);
    expect(await finding('every crash')).toMatch(/committed up to \d+; acknowledged/);
  });

  test('whose checksums verify everything is found out', async () => {
    vi.doMock('../../src/wal/crc32.js', async (original) => ({ ...(await original<typeof Crc32>()), crc32: () => 7 }));
    expect(await finding('every crash')).toMatch(/state \d+ fails/);
  });

  test('that takes a page that it cannot read for the end is found out', async () => {
    vi.doMock('../../src/wal/replay.js', async (original) => {
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
  });
});
