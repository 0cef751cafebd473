// What one place (a page of a file, a key of a store) may hold, given what the processes said before and after each
// write. Values are whole numbers that no two writes share; 0 is "as new", LOST is "reported as lost".

export const LOST = -1;

export class Cell {
  /** What may be there, as far as writes have ended. */
  #possible;
  /** By actor: the write that has begun and not ended, and the values of writes that it overlaps. */
  #open = new Map();
  /** By actor: what its look or write, which has begun, may find. */
  #looks = new Map();

  constructor(initial) {
    this.#possible = new Set([initial]);
  }

  get possible() {
    return this.#possible;
  }

  begin(actor, value, isRepair = false) {
    const overlapped = new Set([...this.#open.values()].map((write) => write.value));
    for (const write of this.#open.values()) write.overlapped.add(value);
    this.#open.set(actor, { value, overlapped, isRepair });
    this.#seen(value);
    // A write that fails says what it has met, as a look does.
    this.look(actor);
  }

  /** The write has returned: what it does not overlap is gone. `keeping` stays possible. */
  end(actor, value, keeping) {
    const write = this.#open.get(actor);
    this.#open.delete(actor);
    this.#looks.delete(actor);
    const kept = keeping !== undefined && this.#possible.has(keeping) ? [keeping] : [];
    this.#possible = new Set([value, ...(write?.overlapped ?? []), ...kept]);
    this.#seen(value);
  }

  /**
   * The write has failed, or its process was killed: it may have had its effect, and will have none from here on. A
   * repair of what was lost may have given it up, with what others stored in it meanwhile.
   */
  fail(actor) {
    const write = this.#open.get(actor);
    if (write === undefined) return;
    this.#open.delete(actor);
    this.#possible.add(write.value);
    if (write.isRepair && this.#looks.get(actor)?.has(LOST) === true) this.disturb(LOST);
    this.#looks.delete(actor);
  }

  /** Something happens to the place at this instant that leaves either what was there or `value`. */
  disturb(value) {
    for (const write of this.#open.values()) write.overlapped.add(value);
    this.#possible.add(value);
    this.#seen(value);
  }

  look(actor) {
    const values = [...this.#open.values()].map((write) => write.value);
    this.#looks.set(actor, new Set([...this.#possible, ...values]));
  }

  /** Whether the value could be met since the actor's operation began. */
  mayBe(actor, value) {
    return (this.#looks.get(actor) ?? this.#possible).has(value);
  }

  /** Values that the look found and that cannot be. */
  impossible(actor, values) {
    const allowed = this.#looks.get(actor) ?? this.#possible;
    this.#looks.delete(actor);
    return values.filter((value) => !allowed.has(value));
  }

  /** The process has ended, with all its lanes (`NAME.0`, `NAME.1`, …). */
  forget(name) {
    const isIts = (actor) => actor === name || actor.startsWith(`${name}.`);
    for (const actor of [...this.#open.keys()].filter(isIts)) this.fail(actor);
    for (const actor of [...this.#looks.keys()].filter(isIts)) this.#looks.delete(actor);
  }

  #seen(value) {
    for (const look of this.#looks.values()) look.add(value);
  }
}
