import { constants } from 'node:os';

const PAGE = 4096;
const { EIO } = constants.errno;
const REFUSED = { transferredBytes: 0, errno: EIO };

/**
 * The native driver on an ordinary filesystem, with a list of bad blocks that no kernel has: everything that a repair then does
 * is done for real, system call by system call, but for the reading of the list and the SIGBUS of who reads a listed page. A
 * page is off the list once it was rewritten. `kernelRelease`: what the kernel is said to be, which decides how it is repaired.
 */
export function driverWithBadBlocks(driver, { kernelRelease } = {}) {
  let listed = [];
  /** Those that are bad now. */
  let pages = new Set();
  let last;
  const badPageIn = (position, length) => {
    for (let page = Math.floor(position / PAGE); page * PAGE < position + length; page++) {
      if (pages.has(page)) return page;
    }
    return undefined;
  };
  const faultIn = (position, length) => {
    const page = badPageIn(position, length);
    if (page === undefined) return undefined;
    return { position: Math.max(position, page * PAGE), signalCode: 4, granuleLog2: 12 };
  };
  return {
    name: 'native with a list',
    /** The device of the file that was opened last has these ranges of it, ascending, among its bad blocks. */
    async list(ranges) {
      const { extents } = await last.extents(0, last.mappedBytes);
      let i = 0;
      const blocks = ranges.map((range) => {
        while (extents[i].offset + extents[i].length <= range.offset) i++;
        const offset = extents[i].physicalOffset + range.offset - extents[i].offset;
        return { page: range.offset / PAGE, offset, length: range.length };
      });
      pages = new Set(ranges.map(({ offset }) => offset / PAGE));
      listed = blocks.sort((a, b) => a.offset - b.offset);
    },
    async open(path, request) {
      const outcome = await driver.open(path, request);
      if ('failure' in outcome) return outcome;
      const { file } = outcome;
      const own = {
        facts: {
          ...file.facts, dax: true, bus: { provider: 'e820', commands: [] },
          kernelRelease: kernelRelease ?? file.facts.kernelRelease,
        },
        badBlocks: () => {
          if (listed.length > pages.size) listed = listed.filter(({ page }) => pages.has(page));
          return Promise.resolve({ supported: true, ranges: listed });
        },
        read: (target, position) => faultIn(position, target.length) ?? file.read(target, position),
        // As the kernel answers a pread of a listed page: core asks so before it believes that the page is still bad.
        probe: (position, length) => {
          const probe = file.probe(position, length);
          return badPageIn(position, length) === undefined || 'failure' in probe ? probe : { ...probe, readErrno: EIO };
        },
        // The kernel copies nothing of a bad page: one byte of it stands for its answer, which costs a call as well.
        readEach: async (pieces, bytes) => {
          const areBad = pieces.map(({ offset, length }) => badPageIn(offset, length) !== undefined);
          if (areBad.includes(false)) return withoutListed(await file.readEach(pieces, bytes), areBad);
          await file.readEach(pieces.map(({ offset }) => ({ offset, length: 1 })), bytes);
          return pieces.map(() => REFUSED);
        },
        rewrite: (pieces, bytes) => {
          for (const { position, length } of pieces) for (let at = position; at < position + length; at += PAGE) pages.delete(at / PAGE);
          return file.rewrite(pieces, bytes);
        },
      };
      for (const name of methodsOf(file)) own[name] ??= typeof file[name] === 'function' ? file[name].bind(file) : undefined;
      Object.defineProperty(own, 'mappedBytes', { get: () => file.mappedBytes });
      last = file;
      return { file: own };
    },
  };
}

function withoutListed(reads, areBad) {
  return reads.map((read, i) => (areBad[i] ? REFUSED : read));
}

function methodsOf(file) {
  const names = [...Object.keys(file), ...Object.getOwnPropertyNames(Object.getPrototypeOf(file))];
  return names.filter((name) => name !== 'constructor' && name !== 'mappedBytes' && typeof file[name] === 'function');
}
