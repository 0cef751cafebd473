/** Bugs that stores have, planted one at a time: the explorations must find each. Without any, the same ones are clean. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ExplorationReport } from '@safe-pmem/mock';
import { sizeOf } from './share.js';
import type * as bytes from '../src/pages/bytes.js';
import type * as pageFiles from '../src/pages/page-files.js';
import type * as nodes from '../src/pages/node.js';

/** Pages are taken for durable as soon as they are stored. */
function plantMissingPersist(): void {
  vi.doMock('../src/pages/page-files.js', async (original) => {
    const files = await original<typeof pageFiles>();
    class PageFiles extends files.PageFiles {
      override persist(): Promise<readonly []> {
        return Promise.resolve([]);
      }
    }
    return { ...files, PageFiles };
  });
}

/** Every page verifies. */
function plantMissingChecksum(): void {
  vi.doMock('../src/pages/bytes.js', async (original) => ({ ...(await original<typeof bytes>()), checksumOf: () => 0 }));
}

/** A page that is not there is taken for one that holds nothing: the end of the keys. */
function plantLossTakenForEnd(): void {
  vi.doMock('../src/pages/node.js', async (original) => {
    const found = await original<typeof nodes>();
    const lostLeaf: (typeof nodes)['lostLeaf'] = (...parts) => Object.assign(found.lostLeaf(...parts), { lost: false });
    return { ...found, lostLeaf };
  });
}

/** Explores `share` of its states. */
type Explore<Explorations> = (explorations: Explorations, share: number) => Promise<ExplorationReport>;

/** Without a bug every state is explored to the end, as in the exploration of the engine itself. */
const SHARE_WITHOUT_BUG = sizeOf({ whole: 1, share: 0.2 });

/** Registers the tests. `load` imports the module of explorations afresh, with or without a bug in what it imports. */
export function findsPlantedBugs<Explorations>(
  load: () => Promise<Explorations>,
  { crashes, damage, poison }: Readonly<Record<'crashes' | 'damage' | 'poison', Explore<Explorations>>>,
): void {
  afterEach(() => {
    for (const name of ['page-files', 'bytes', 'node']) vi.doUnmock(`../src/pages/${name}.js`);
    vi.resetModules();
  });

  describe.each([
    ['a missing persist', plantMissingPersist, crashes],
    ['a missing checksum', plantMissingChecksum, damage],
    ['a lost page taken for the end', plantLossTakenForEnd, poison],
  ])('%s', (_, plant, run) => {
    it('is found', async () => {
      plant();
      const explorations = await load();
      await expect(run(explorations, 1)).rejects.toThrow(/state \d+ fails/);
    }, 300_000);

    it('and only it', async () => {
      const explorations = await load();
      expect((await run(explorations, SHARE_WITHOUT_BUG)).states).toBeGreaterThan(50 * SHARE_WITHOUT_BUG);
    }, 300_000);
  });
}

export function bodyOf<Body>(bodies: Readonly<Record<string, Body>>, name: string): Body {
  const body = bodies[name];
  if (body === undefined) throw new Error(`there is no body '${name}'`);
  return body;
}
