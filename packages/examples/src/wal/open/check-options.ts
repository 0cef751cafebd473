/** Refuses options of a wrong type before a file is read. */
import type { PmemFile } from '@safe-pmem/core';

const SWITCHES = ['create', 'readOnly', 'attachMirror', 'detachMirror'] as const;

/** Throws TypeError if `options` cannot be those of a log: no object, no PmemFile, or a switch that is no boolean. */
export function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw new TypeError('options must be an object');
  const { file, mirror, ...others } = options as Readonly<Record<string, unknown>>;
  if (!isFile(file)) throw new TypeError('options.file must be a PmemFile');
  if (mirror !== undefined && !isFile(mirror)) throw new TypeError('options.mirror must be a PmemFile');
  for (const name of SWITCHES) {
    const value = others[name];
    if (value !== undefined && typeof value !== 'boolean') throw new TypeError(`options.${name} must be a boolean`);
  }
}

/** Not by instanceof: the file may come from another copy of core. */
function isFile(value: unknown): boolean {
  const { info, persistRanges } = (value ?? {}) as Partial<PmemFile>;
  return typeof info === 'function' && typeof persistRanges === 'function';
}
