/** Two or three bodies side by side, in every order of their calls, and what else can happen in between. */
import type { CrashOptions } from './crash-points.js';
import type { ExplorationReport, Explored, ExploreOptions, Interleaving } from './exploration.js';
import { Explorer } from './explorer.js';
import { disturb } from './disturbances.js';
import { Orders } from './orders.js';

export type EveryInterleavingOptions = ExploreOptions &
  CrashOptions & {
    /** At most so many times a call is chosen that does not come by itself. As many as `limit` allows by default. */
    readonly turns?: number | undefined;
    /** Power fails as well, in orders that were explored. Default false. */
    readonly crash?: boolean | undefined;
    /** One of the processes is killed as well. Default false. */
    readonly kill?: boolean | undefined;
    /** An operation fails as well, once or from then on. Default false. */
    readonly fault?: boolean | undefined;
    /** A page is poisoned as well. Default false. */
    readonly poison?: boolean | undefined;
    /** Files that can be poisoned. All by default, repair journals included. */
    readonly files?: ((path: string) => boolean) | undefined;
  };

const STATES_LIMIT = 20_000;

/**
 * Runs two or three bodies side by side, each in a process of its own, once for every order of their calls: first the
 * order that comes by itself (a body goes on for as long as it can), then all with one turn to another body, with two,
 * and so on; if these are more than `limit` has room for, a sample. check() judges each.
 *
 * An asynchronous call of the driver waits for its turn; a synchronous piece (stores, persist(), locks, and what your
 * code does between two awaits) runs through, but for one call of another process that may happen before each of its
 * operations. So put synchronous pieces into `process.turn(() => …)`: each such piece can then wait, and can happen
 * within a piece of another body.
 *
 * With `outside` actions in the exploration each is done at every moment as well; with `crash`, `kill`, `fault` and
 * `poison` these happen, too, each in orders that were explored before. They take half of the states.
 *
 * Throws ExplorationFailure at the first state that fails, and whatever prep() throws.
 *
 * @example
 * await everyInterleaving({
 *   prep: () => {
 *     const driver = mockDriver();
 *     driver.writeFile('/pmem/counter', new Uint8Array(4096));
 *     return { driver };
 *   },
 *   bodies: [increment, increment], // async (state, process) => { const file = await PmemFile.open(path, { driver: process }); … }
 *   check: ({ driver }) => assert.equal(driver.readFile('/pmem/counter')[0], 2),
 * });
 */
export async function everyInterleaving<State extends Explored>(
  interleaving: Interleaving<State>,
  options: EveryInterleavingOptions = {},
): Promise<ExplorationReport> {
  const count = interleaving.bodies.length;
  if (count < 1 || count > 3) throw new RangeError(`bodies must be one to three, got ${count}`);
  const explorer = new Explorer('everyInterleaving', interleaving, options, STATES_LIMIT);
  const kinds = disturbancesOf(interleaving, options);
  const clean = await explorer.clean(options.poison === true);
  const orders = new Orders(explorer, options.turns ?? Infinity);
  await orders.explore(clean, kinds.length === 0 ? explorer.left : Math.floor(explorer.left / 2));
  for (const [index, kind] of kinds.entries()) {
    await disturb(explorer, orders, kind, options, Math.floor(explorer.left / (kinds.length - index)));
  }
  return explorer.report();
}

function disturbancesOf<State extends Explored>(interleaving: Interleaving<State>, options: EveryInterleavingOptions) {
  const asked = { crash: options.crash, kill: options.kill, fault: options.fault, poison: options.poison };
  const outside = Object.keys(interleaving.outside ?? {}).length > 0;
  const kinds = (['crash', 'kill', 'fault', 'poison'] as const).filter((kind) => asked[kind] === true);
  return outside ? (['outside', ...kinds] as const) : kinds;
}
