/**
 * The native driver on an ordinary filesystem, with a list of bad blocks that no kernel has: everything that a repair then does
 * is done for real, system call by system call, but for the reading of the list. The list is empty after the next fdatasync.
 */
export function driverWithBadBlocks(driver) {
  let listed = [];
  return {
    name: 'native with a list',
    /** Files of this driver have these ranges, in bytes of the file, among their device's bad blocks. */
    async list(file, ranges) {
      const { extents } = await file.extents(0, file.mappedBytes);
      listed = ranges.map((range) => {
        const extent = extents.find(({ offset, length }) => offset <= range.offset && range.offset < offset + length);
        return { offset: extent.physicalOffset + range.offset - extent.offset, length: range.length };
      });
    },
    async open(path, request) {
      const outcome = await driver.open(path, request);
      if ('failure' in outcome) return outcome;
      const { file } = outcome;
      const own = {
        facts: { ...file.facts, dax: true, bus: { provider: 'e820', commands: [] } },
        badBlocks: () => Promise.resolve({ supported: true, ranges: listed }),
        sync: () => {
          listed = [];
          return file.sync();
        },
      };
      for (const name of methodsOf(file)) own[name] ??= typeof file[name] === 'function' ? file[name].bind(file) : undefined;
      Object.defineProperty(own, 'mappedBytes', { get: () => file.mappedBytes });
      return { file: own, under: file };
    },
  };
}

function methodsOf(file) {
  const names = [...Object.keys(file), ...Object.getOwnPropertyNames(Object.getPrototypeOf(file))];
  return names.filter((name) => name !== 'constructor' && name !== 'mappedBytes' && typeof file[name] === 'function');
}
