// The application: a number that is kept twice, in CommonJS. Page 0 and page 1 of the file hold the same 8 bytes.
const { PmemFile, MediaError } = require('@safe-pmem/core');

const PAGE = 4096;

class Counter {
  #file;

  constructor(file) {
    this.#file = file;
  }

  static async open(path, driver) {
    return new Counter(await PmemFile.open(path, { driver, create: true, size: 2 * PAGE }));
  }

  /** Throws MediaError if neither copy can be read; repairs a copy that cannot from the other one. */
  async value() {
    try {
      return this.#file.readBigUInt64LE(0);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      const copy = this.#file.readBigUInt64LE(PAGE);
      await this.#file.repair(error.ranges, { rebuild: ({ length }) => this.#page(copy, length) });
      return copy;
    }
  }

  async increment() {
    const next = (await this.value()) + 1n;
    for (const position of [PAGE, 0]) this.#file.writeAndPersist(this.#page(next, 8), position);
    return next;
  }

  async close() {
    await this.#file.close();
  }

  #page(number, length) {
    const bytes = Buffer.alloc(length);
    bytes.writeBigUInt64LE(number);
    return bytes;
  }
}

module.exports = { Counter, PAGE };
