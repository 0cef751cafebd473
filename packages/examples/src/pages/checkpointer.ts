/** Runs the checkpoints of an open store, and whatever else moves pages: one at a time, beside batches and readers. */
import { slotsOfPlan, storeLeaves } from './store-leaves.js';
import type { StoredLeaf } from './store-leaves.js';
import { encodeCheckpoint } from './checkpoint-record.js';
import { LEAST_GROWTH_SLOTS } from './format.js';
import type { Entries } from './leaf-page.js';
import { changedLeavesOf, markStored, referencesIn } from './node.js';
import { writeHeaders } from './store-headers.js';
import { moveForward } from './move-away.js';
import type { StoreState } from './store-state.js';
import { Turns } from '../turns.js';

export class Checkpointer {
  readonly #state: StoreState;
  readonly #turns = new Turns();
  #isPlanned = false;

  constructor(state: StoreState) {
    this.#state = state;
  }

  /** Work that moves pages, between checkpoints. */
  beside<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take(work);
  }

  async run(): Promise<void> {
    await this.#turns.take(() => this.store());
  }

  /** Ignores an error: the batch that needs the room of this checkpoint meets it again. */
  soon(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    void this.run()
      .catch(() => undefined)
      .finally(() => {
        this.#isPlanned = false;
      });
  }

  /** Resolves when what was begun so far has ended. */
  async ended(): Promise<void> {
    await this.#turns.ended();
  }

  /**
   * Stores a checkpoint. Must be called in a turn of these checkpoints: see beside().
   *
   * @param always also if no leaf has changed: the record itself is wanted
   */
  async store(always = false): Promise<void> {
    const { log, pool, tree } = this.#state;
    const { slots } = pool;
    this.#state.requireIntact();
    await log.turns.take(() => this.#dropCovered());
    await pool.retirement.drain();
    const begun = await log.turns.take(() => {
      // A batch that came meanwhile is covered too.
      pool.retirement.finish();
      const root = tree.freeze();
      const { lastSequence, mark } = log;
      return Promise.resolve({ root, covers: lastSequence, logMark: mark, retired: slots.retiredMark });
    });
    const leaves = [...changedLeavesOf(begun.root)];
    if (leaves.length === 0 && !always) return;
    // Pages of this number may be in the files after a crash, so the number is never given again.
    const generation = ++this.#state.lastGeneration;
    await writeHeaders(pool.files, this.#state.checkpoint, generation);
    const stored = await storeLeaves(pool, leaves, generation);
    for (const slot of stored.flatMap(slotsOfPlan)) slots.setGeneration(slot, generation);
    await log.turns.take(async () => {
      const bits = slots.leavesAfter(begun.retired, stored.map(({ slot }) => slot));
      const leafGenerations = [...bits].map((slot) => slots.generationOf(slot) ?? generation);
      const { covers } = begun;
      const next = { ...this.#state.checkpoint, generation, covers, slotCount: slots.count, leaves: bits.bytes, leafGenerations };
      try {
        this.#state.requireIntact();
        log.append(encodeCheckpoint(next));
        await log.commit();
        this.#state.checkpoint = next;
        slots.settle(bits, begun.retired);
        this.#settle(stored, generation);
        markStored(begun.root);
        await writeHeaders(pool.files, next, generation);
        await log.truncate(begun.covers, begun.logMark);
      } catch (error) {
        this.#state.fail(error);
        throw error;
      }
    });
    this.#state.reclaim();
    await this.#giveBack(stored.length);
  }

  /**
   * Drops records that a checkpoint before open() has stored in pages, if a crash came before it could. No leaf of
   * theirs has changed, so that no other checkpoint would do it, and in a log that is full no batch would find room.
   */
  async #dropCovered(): Promise<void> {
    const { checkpoint, log } = this.#state;
    try {
      await log.truncate(checkpoint.covers, log.coveredMark);
    } catch (error) {
      this.#state.fail(error);
      throw error;
    }
  }

  /**
   * Gives back space that deletes have freed; the last pages may move for that. If it fails, a later checkpoint tries
   * again.
   */
  async #giveBack(storedLeaves: number): Promise<void> {
    const { pool, tree } = this.#state;
    const { slots } = pool;
    const kept = Math.max(LEAST_GROWTH_SLOTS, storedLeaves);
    try {
      if (slots.freedAtEnd >= kept + LEAST_GROWTH_SLOTS && slots.count > pool.keptSlots) {
        slots.cutEnd(kept, pool.keptSlots);
        // The record that says so comes first: open() makes files longer that have fewer slots than theirs.
        await this.store(true);
        await pool.cutOff();
      } else if (moveForward(pool, tree)) {
        await this.store(true);
      }
    } catch {
      this.#state.requireIntact();
    }
  }

  /** The leaves are the same as their pages now; those that others have taken the place of are retired at once. */
  #settle(stored: readonly StoredLeaf[], generation: number): void {
    const { pool, tree } = this.#state;
    for (const plan of stored) {
      const { leaf, slot, chains } = plan;
      const firstSlots = chains.map(({ slots }) => slots[0] as number);
      leaf.references = [...referencesIn((leaf.entries as Entries).values), ...firstSlots];
      leaf.place = { slot, generation };
      leaf.entries = undefined;
      for (const { slots } of chains) pool.chains.set(slots[0] as number, slots);
      if (leaf.superseded) pool.slots.retire(slotsOfPlan(plan), tree.epoch);
    }
  }
}
