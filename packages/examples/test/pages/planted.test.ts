/** Bugs that engines have, planted one at a time: the explorations must find each. Without any, the same ones are clean. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ExplorationReport } from '@safe-pmem/mock';
import { everyCrash, everyPoison } from '@safe-pmem/mock';
import type * as explore from '../../explore/pages.js';
import type * as bytes from '../../src/pages/bytes.js';
import type * as pageFiles from '../../src/pages/page-files.js';
import type * as tree from '../../src/pages/tree.js';

type Explorations = typeof explore;


afterEach(() => {
  for (const name of ['page-files', 'bytes', 'tree']) vi.doUnmock(`../../src/pages/${name}.js`);
  vi.resetModules();
});

/** Pages are taken for durable as soon as they are stored. */
function plantMissingPersist(): void {
  vi.doMock('../../src/pages/page-files.js', async (original) => {
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
  vi.doMock('../../src/pages/bytes.js', async (original) => ({ ...(await original<typeof bytes>()), checksumOf: () => 0 }));
}

/** A page that is not there is taken for one that holds nothing: the end of the keys. */
function plantLossTakenForEnd(): void {
  vi.doMock('../../src/pages/tree.js', async (original) => {
    const trees = await original<typeof tree>();
    const lostLeaf: (typeof tree)['lostLeaf'] = (...parts) => Object.assign(trees.lostLeaf(...parts), { lost: false });
    return { ...trees, lostLeaf };
  });
}

type Explore = (explorations: Explorations) => Promise<ExplorationReport>;
const mirrored = { filesystem: 'ext4', mirrored: true } as const;
const alone = { filesystem: 'ext4', mirrored: false } as const;

const crashes: Explore = ({ BODIES, briefStoreExploration }) =>
  everyCrash(briefStoreExploration(bodyOf(BODIES, 'checkpoint'), mirrored), { limit: 300, shrinkRuns: 20 });
const damage: Explore = ({ BODIES, briefStoreExploration }) =>
  everyCrash(briefStoreExploration(bodyOf(BODIES, 'silent damage'), mirrored), { limit: 300, shrinkRuns: 20 });
const poison: Explore = ({ BODIES, briefStoreExploration }) =>
  everyPoison(briefStoreExploration(bodyOf(BODIES, 'start'), alone), { limit: 200, shrinkRuns: 20 });

function bodyOf(bodies: Explorations['BODIES'], name: string): Explorations['BODIES'][string] {
  const body = bodies[name];
  if (body === undefined) throw new Error(`there is no body '${name}'`);
  return body;
}

describe.each([
  ['a missing persist', plantMissingPersist, crashes],
  ['a missing checksum', plantMissingChecksum, damage],
  ['a lost page taken for the end', plantLossTakenForEnd, poison],
])('%s', (_, plant, run) => {
  it('is found', async () => {
    plant();
    const explorations = await import('../../explore/pages.js');
    await expect(run(explorations)).rejects.toThrow(/state \d+ fails/);
  }, 120_000);

  it('and only it', async () => {
    const explorations = await import('../../explore/pages.js');
    expect((await run(explorations)).states).toBeGreaterThan(50);
  }, 120_000);
});
