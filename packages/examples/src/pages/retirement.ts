/** Giving back the pages of leaves that a clear has cut off the tree: some at a time, for they may be very many. */
import type { Node } from './node.js';
import { countLeaves, Leaf, referencesIn } from './node.js';
import type { SlotMap } from './slot-map.js';
import type { LeafProgress } from './store-options.js';

/** Less than a millisecond of work. */
const LEAVES_A_TURN = 2048;

interface CutOff {
  /** Those to come, the next one last. */
  readonly nodes: Node[];
  readonly epoch: number;
}

export class Retirement {
  readonly #slots: Pick<SlotMap, 'retire'>;
  readonly #chains: ReadonlyMap<number, readonly number[]>;
  readonly #waiting: CutOff[] = [];
  #leavesLeft = 0;

  /** @param chains slots of each long value, by the first of them */
  constructor(slots: Pick<SlotMap, 'retire'>, chains: ReadonlyMap<number, readonly number[]>) {
    this.#slots = slots;
    this.#chains = chains;
  }

  /** Readers that began before this epoch was over may hold the nodes. */
  add(nodes: readonly Node[], epoch: number): void {
    for (const node of nodes) this.#leavesLeft += countLeaves(node);
    this.#waiting.push({ nodes: [...nodes], epoch });
  }

  /** Retires all that was added, in pieces, between which the event loop has its turn. */
  async drain(onProgress?: (progress: LeafProgress) => void): Promise<void> {
    for (let doneLeaves = 0; this.#leavesLeft > 0; ) {
      doneLeaves += this.#retireSome(LEAVES_A_TURN);
      onProgress?.({ doneLeaves, totalLeaves: doneLeaves + this.#leavesLeft });
      if (this.#leavesLeft > 0) await new Promise(setImmediate);
    }
  }

  /** Retires at once what is left. */
  finish(): void {
    while (this.#leavesLeft > 0) this.#retireSome(Infinity);
  }

  /** Of one clear. Returns how many leaves these were. */
  #retireSome(most: number): number {
    const { nodes, epoch } = this.#waiting[0] as CutOff;
    const slots: number[] = [];
    let done = 0;
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      if (node instanceof Leaf) {
        this.#retireLeaf(node, slots);
        if (++done >= most) break;
      } else {
        for (const child of node.children) nodes.push(child);
      }
    }
    if (nodes.length === 0) this.#waiting.shift();
    this.#slots.retire(slots, epoch);
    this.#leavesLeft -= done;
    return done;
  }

  /** Without reading its page. One that a checkpoint is about to store gives its page back then. */
  #retireLeaf(leaf: Leaf, slots: number[]): void {
    leaf.superseded = true;
    const { place, entries } = leaf;
    if (place !== undefined) slots.push(place.slot);
    const references = place === undefined ? referencesIn(entries?.values ?? []) : leaf.references;
    for (const first of references) for (const slot of this.#chains.get(first) ?? []) slots.push(slot);
  }
}
