/** Bugs that stores have, planted one at a time: the explorations must find each. Without any, the same ones are clean. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { everyCrash, everyPoison, type Exploration, type ExplorationReport, type Explored } from '@safe-pmem/mock';
import type { MirroredMachine } from '../explore/engine-targets.js';
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

/** The bodies of an engine by name, and the exploration of one. */
export interface Explorations<Body, State extends Explored> {
  readonly bodies: Readonly<Record<string, Body>>;
  readonly brief: (body: Body, machine: MirroredMachine) => Exploration<State>;
}

/** The body in which a lost page shows, and the states of it to explore. */
export interface LossSeen {
  readonly body: string;
  readonly states: number;
}

/** Without a bug every state is explored to the end, as in the exploration of the engine itself. */
const SHARE_WITHOUT_BUG = sizeOf({ whole: 1, share: 0.2 });

/** Registers the tests. `load` imports the module of explorations afresh, with or without a bug in what it imports. */
export function findsPlantedBugs<Body, State extends Explored>(
  load: () => Promise<Explorations<Body, State>>, loss: LossSeen,
): void {
  const of = ({ bodies, brief }: Explorations<Body, State>, name: string, mirrored: boolean): Exploration<State> =>
    brief(bodyOf(bodies, name), { filesystem: 'ext4', mirrored });
  const limits = (states: number, share: number): { limit: number; shrinkRuns: number } =>
    ({ limit: states * share, shrinkRuns: 20 });
  /** Explore `share` of their states. */
  type Explore = (explorations: Explorations<Body, State>, share: number) => Promise<ExplorationReport>;
  const crashes: Explore = (found, share) => everyCrash(of(found, 'checkpoint', true), limits(300, share));
  const damage: Explore = (found, share) => everyCrash(of(found, 'silent damage', true), limits(300, share));
  const poison: Explore = (found, share) => everyPoison(of(found, loss.body, false), limits(loss.states, share));

  afterEach(() => {
    for (const name of ['page-files', 'bytes', 'node']) vi.doUnmock(`../src/pages/${name}.js`);
    vi.resetModules();
  });

  /** Without a bug, and imported once: what has been compiled and optimised is used again. */
  let clean: Promise<Explorations<Body, State>> | undefined;

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
      const explorations = await (clean ??= load());
      expect((await run(explorations, SHARE_WITHOUT_BUG)).states).toBeGreaterThan(50 * SHARE_WITHOUT_BUG);
    }, 300_000);
  });
}

function bodyOf<Body>(bodies: Readonly<Record<string, Body>>, name: string): Body {
  const body = bodies[name];
  if (body === undefined) throw new Error(`there is no body '${name}'`);
  return body;
}
