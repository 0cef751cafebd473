/** Drivers whose files answer some calls otherwise, as real filesystems do at moments that a test cannot choose. */
import type { CompleteFile, Driver } from '@safe-pmem/core';

/** `driver`, with `calls` in place of its files' own. `opened` runs before core sees a file. */
export function answering(
  driver: Driver<CompleteFile>, calls: (file: CompleteFile) => Partial<CompleteFile>, opened = (): void => undefined,
): Driver<CompleteFile> {
  return {
    name: driver.name,
    open: async (path, request) => {
      const outcome = await driver.open(path, request);
      if ('failure' in outcome) return outcome;
      opened();
      const own = calls(outcome.file);
      const get = (target: CompleteFile, key: string | symbol): unknown => {
        if (key in own) return own[key as keyof CompleteFile];
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      };
      return { file: new Proxy(outcome.file, { get }) };
    },
  };
}
