/** Power loss at every store, persist, system call and inner step of a body, with the survivors that matter. */
import { CrashPoints, type CrashOptions } from './crash-points.js';
import type { Exploration, ExplorationReport, Explored, ExploreOptions } from './exploration.js';
import { Explorer } from './explorer.js';

export type EveryCrashOptions = ExploreOptions & CrashOptions;

/**
 * Runs the body once for every moment at which power can fail, its end included, and for every set of survivors: any
 * 8-byte words of unpersisted lines, and any first few metadata operations. If these are many, a sample: all, none,
 * neighbours of both (one word, one line, one operation), random ones. check() judges each.
 *
 * Throws ExplorationFailure at the first state that fails, and whatever prep() throws.
 *
 * @example
 * await everyCrash({
 *   prep: async () => {
 *     const driver = mockDriver();
 *     driver.writeFile('/pmem/app', new Uint8Array(4096));
 *     return { driver, file: await PmemFile.open('/pmem/app', { driver }) };
 *   },
 *   body: ({ file }) => {
 *     file.write(Uint8Array.of(1), 0);
 *     file.persist(0, 1);
 *   },
 *   check: async ({ driver }) => { … open it again and judge … },
 * });
 */
export async function everyCrash<State extends Explored>(
  exploration: Exploration<State>,
  options: EveryCrashOptions = {},
): Promise<ExplorationReport> {
  const explorer = new Explorer('everyCrash', exploration, options, Infinity);
  const clean = await explorer.clean(false);
  await new CrashPoints(explorer, options).explore(clean, explorer.left);
  return explorer.report();
}
