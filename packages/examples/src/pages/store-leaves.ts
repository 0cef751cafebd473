/** Storing leaves that have changed in free slots, in every file. What the checkpoint in force needs is not touched. */
import { checksumOf } from './bytes.js';
import { PIECE_BYTES_MAX } from './format.js';
import type { Entries, Value } from './leaf-page.js';
import { encodeLeaf } from './leaf-page.js';
import type { Leaf } from './node.js';
import { isLong } from './node.js';
import { encodeOverflow, piecesOf } from './overflow-page.js';
import type { PageDamage } from './page-files.js';
import type { PagePool } from './page-pool.js';

/** Between so many pages the event loop gets its turn. */
const PAGES_A_TURN = 256;

/** A leaf, and the slots of its page and of the pages of long values that are new in it. */
export interface StoredLeaf {
  readonly leaf: Leaf;
  slot: number;
  readonly chains: readonly LongValue[];
}

interface LongValue {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly checksum: number;
  readonly slots: number[];
}

/**
 * Stores the leaves, durably in every file when it resolves. If a slot refuses, another one is taken. Throws
 * MediaError if all of them do, and what the files throw for other reasons, such as ERR_PMEM_NO_SPACE; all slots are
 * free again then.
 */
export async function storeLeaves(pool: PagePool, leaves: readonly Leaf[], generation: number): Promise<StoredLeaf[]> {
  const plans = leaves.map((leaf): StoredLeaf => ({ leaf, slot: 0, chains: longValuesOf(leaf) }));
  try {
    let waiting = plans;
    let slotsAtProgress = pool.slots.count;
    while (waiting.length > 0) {
      await takeSlots(pool, waiting);
      const damage = await storePlans(pool, waiting, generation);
      const refused = new Set(damage.map(({ slot }) => slot));
      for (const slot of refused) pool.slots.setUnusable(slot);
      const again = waiting.filter((plan) => slotsOfPlan(plan).some((slot) => refused.has(slot)));
      for (const plan of again) dropSlots(pool, plan, refused);
      // If new slots refuse stores too, the whole device does: the file must not grow until the filesystem is full.
      if (again.length < waiting.length) slotsAtProgress = pool.slots.count;
      else if ([...refused].some((slot) => slot >= slotsAtProgress)) throw damage[0]?.cause;
      waiting = again;
    }
    return plans;
  } catch (error) {
    for (const plan of plans) for (const slot of slotsOfPlan(plan)) if (slot !== 0) pool.slots.free(slot);
    throw error;
  }
}

/** Slots of a stored leaf, its new long values included. */
export function slotsOfPlan({ slot, chains }: StoredLeaf): number[] {
  return [slot, ...chains.flatMap((chain) => chain.slots)];
}

async function takeSlots(pool: PagePool, plans: readonly StoredLeaf[]): Promise<void> {
  let wanted = 0;
  for (const { slot, chains } of plans) {
    if (slot === 0) wanted++;
    for (const { bytes, slots } of chains) wanted += piecesOf(bytes.length) - slots.length;
  }
  await pool.makeRoom(wanted);
  pool.slots.takeFromStart();
  for (const plan of plans) {
    if (plan.slot === 0) plan.slot = pool.slots.take();
    for (const { bytes, slots } of plan.chains) {
      while (slots.length < piecesOf(bytes.length)) slots.push(pool.slots.take());
    }
  }
}

/** Gives back the slots of a plan that were refused; the others stay. */
function dropSlots(pool: PagePool, plan: StoredLeaf, refused: ReadonlySet<number>): void {
  for (const slot of slotsOfPlan(plan)) if (refused.has(slot)) pool.slots.free(slot);
  if (refused.has(plan.slot)) plan.slot = 0;
  for (const { slots } of plan.chains) {
    const kept = slots.filter((slot) => !refused.has(slot));
    slots.splice(0, slots.length, ...kept);
  }
}

async function storePlans(
  pool: PagePool,
  plans: readonly StoredLeaf[],
  generation: number,
): Promise<readonly PageDamage[]> {
  const refused: PageDamage[] = [];
  let pages = 0;
  for (const plan of plans) {
    for (const [slot, page] of pagesOfPlan(pool, plan, generation)) {
      const damage = pool.files.write(slot, page);
      if (damage !== undefined) refused.push(requireOtherSlot(damage));
      if (++pages % PAGES_A_TURN === 0) await new Promise(setImmediate);
    }
  }
  const damage = await pool.files.persist(plans.flatMap(slotsOfPlan));
  return [...refused, ...damage.map(requireOtherSlot)];
}

/** Another slot helps against a bad page, not against a full filesystem or a file that was cut off. */
function requireOtherSlot(damage: PageDamage): PageDamage {
  if (damage.reason === 'media' || damage.reason === 'lost') return damage;
  throw damage.cause;
}

function* pagesOfPlan(pool: PagePool, plan: StoredLeaf, generation: number): Generator<readonly [number, Uint8Array]> {
  const { storeId } = pool;
  const { low, high, lost, entries } = plan.leaf;
  const { keys, values } = entries as Entries;
  const stored = values.slice();
  for (const { index, bytes, checksum, slots } of plan.chains) {
    const [first] = slots as [number];
    stored[index] = { slot: first, length: bytes.length, checksum, generation } satisfies Value;
    for (const [i, slot] of slots.entries()) {
      const piece = bytes.subarray(i * PIECE_BYTES_MAX, (i + 1) * PIECE_BYTES_MAX);
      yield [slot, encodeOverflow({ storeId, slot }, { generation, index: i, next: slots[i + 1] ?? 0, piece })];
    }
  }
  const { slot } = plan;
  yield [slot, encodeLeaf({ storeId, slot }, generation, { low, high, lost, keys, values: stored })];
}

function longValuesOf({ entries }: Leaf): LongValue[] {
  const { keys, values } = entries as Entries;
  return values.flatMap((value, index) => {
    if (!isLong((keys[index] as Uint8Array).length, value)) return [];
    return [{ index, bytes: value, checksum: checksumOf(value), slots: [] }];
  });
}
