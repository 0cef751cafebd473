/** Refuses arguments that cannot be right before a file is read. */
import type { PmemFile } from '@safe-pmem/core';
import { SEQUENCE_MAX } from '../format/format.js';

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

/** Throws RangeError unless `value` can be the number of a record. */
export function requireSequence(name: string, value: number): void {
  const isSequence = Number.isSafeInteger(value) && value >= 1 && value <= SEQUENCE_MAX;
  if (!isSequence) throw new RangeError(`${name} must be from 1 to ${SEQUENCE_MAX}`);
}

/** Not by instanceof: the file may come from another copy of core. */
function isFile(value: unknown): boolean {
  const { info, persistRanges } = (value ?? {}) as Partial<PmemFile>;
  return typeof info === 'function' && typeof persistRanges === 'function';
}
