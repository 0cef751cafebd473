/** Do the explorations of the replicated log bite? Bugs planted one at a time are each found by them. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type * as CopyFromStream from '../../src/replicated/copy-from-stream.js';
import type * as PublisherModule from '../../src/replicated/publisher.js';
import type * as WalModule from '../../src/wal/index.js';

const MODULES = ['../../src/replicated/publisher.js', '../../src/replicated/copy-from-stream.js', '../../src/wal/index.js'];

afterEach(() => {
  for (const module of MODULES) vi.doUnmock(module);
});

/** What the first exploration says that fails; undefined if none does. */
async function finding(part: string): Promise<string | undefined> {
  vi.resetModules();
  const { targets } = await import('../../explore/replicated.js');
  for (const target of targets.filter(({ name }) => name.includes(part) && name.endsWith(', every crash'))) {
    const found = await target.run({ seed: 1, limit: 120 }).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

describe('a replicated log', () => {
  test('that acknowledges before the stream has the record is found out', async () => {
    vi.doMock('../../src/replicated/publisher.js', async (original) => {
      const { Publisher } = await original<typeof PublisherModule>();
      return {
        Publisher: class extends Publisher {
          override reached(): Promise<boolean> {
            return Promise.resolve(true);
          }
        },
      };
    });
    expect(await finding('stream, server killed, writers')).toMatch(/was acknowledged, and is neither returned nor lost/);
  });

  test('that acknowledges before the local log has the record is found out', async () => {
    vi.doMock('../../src/wal/index.js', async (original) => {
      const wal = await original<typeof WalModule>();
      wal.Wal.prototype.commitAsync = () => Promise.resolve({ lastSequence: 0, missing: [] });
      return wal;
    });
    expect(await finding('local, server away, writers')).toMatch(/state \d+ fails/);
  });

  test('that does not take over at its start what only the stream has is found out', async () => {
    vi.doMock('../../src/replicated/copy-from-stream.js', async (original) => ({
      ...(await original<typeof CopyFromStream>()),
      copyFromStream: () => Promise.resolve(),
    }));
    expect(await finding('stream, server killed, writers')).toMatch(/state \d+ fails/);
  });
});
