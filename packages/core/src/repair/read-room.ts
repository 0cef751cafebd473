/**
 * Memory that one repair reads batch after batch into: a new array for each would be filled with zeros first, and be
 * garbage after 8 MiB. Whoever takes it has it until the next take, and finds anything in it.
 */
export class ReadRoom {
  #bytes = new Uint8Array(0);

  take(lengthBytes: number): Uint8Array {
    if (this.#bytes.length < lengthBytes) this.#bytes = new Uint8Array(lengthBytes);
    return this.#bytes.subarray(0, lengthBytes);
  }
}
