// The values that a DriverFile may answer with, as core's driver.ts documents them. Each throws for anything else.
import { inspect } from 'node:util';
import { PAGE, requireJournal } from './content.mjs';
import { isBytes } from './hostile-values.mjs';
import { Problem } from './problem.mjs';

function has(value, shape) {
  return (
    value !== null &&
    typeof value === 'object' &&
    Object.keys(value).sort().join() === Object.keys(shape).sort().join() &&
    Object.entries(shape).every(([key, accepts]) => accepts(value[key]))
  );
}

const positive = (value) => Number.isInteger(value) && value > 0;
const boolean = (value) => typeof value === 'boolean';
const count = (value) => Number.isInteger(value) && value >= 0;

export const isFailure = (value) =>
  has(value, { errno: positive, syscall: (name) => typeof name === 'string' && name !== '' });

/** open() of a device says what kind it is. */
export const isOpenFailure = (value) =>
  isFailure(value) ||
  has(value, { errno: positive, syscall: (name) => name === 'open', device: (kind) => kind === 'block' || kind === 'character' });

/** `position` is exact, or the start of its page, or of the granule that the signal names. */
export function isFault(value, position, length) {
  if (
    !has(value, {
      position: count,
      signalCode: (code) => [2, 4, 5].includes(code),
      granuleLog2: (log2) => log2 >= 0 && log2 < 48,
    })
  ) {
    return false;
  }
  const granule = Math.max(PAGE, 2 ** value.granuleLog2);
  return value.position >= Math.floor(position / granule) * granule && value.position < position + length;
}

function demand(what, holds, value) {
  if (!holds) throw new Problem(`${what} answered ${inspect(value)}`);
}

export const nothing = (what) => (value) => {
  demand(what, value === undefined, value);
};
export const nothingOrFailure = (what) => (value) => {
  demand(what, value === undefined || isFailure(value), value);
};

export const nothingOrFault = (what, position, length) => (value) => {
  demand(what, value === undefined || isFault(value, position, length), value);
};

/** A persist also answers for zeros that an earlier fault left anywhere in the mapping. */
export const persisted = (what) => (value) => {
  const isTruncation = has(value, { fileSizeBytes: count });
  demand(what, value === undefined || isTruncation || isFailure(value) || isFault(value, 0, Infinity), value);
};

export const transfer = (what, length) => (value) => {
  demand(what, has(value, { transferredBytes: count, errno: count }), value);
  demand(what, value.transferredBytes <= length && (value.errno === 0 || value.transferredBytes === 0), value);
};

export const probe = (what) => (value) => {
  const known = has(value, { fileSizeBytes: count, readErrno: count, writeErrno: count, hole: boolean, freeBytes: count });
  demand(what, known || has(value, { failure: isFailure }), value);
};

export const size = (what) => (value) => {
  demand(what, has(value, { sizeBytes: count }) || has(value, { failure: isFailure }), value);
};

export const extents = (what) => (value) => {
  const isExtent = (extent) =>
    has(extent, {
      offset: count,
      length: positive,
      physicalOffset: count,
      unwritten: boolean,
      shared: boolean,
      unmapped: boolean,
    });
  // The addon gives four numbers for each, the driver makes objects of them.
  const isRaw = (list) => list instanceof Float64Array && list.length % 4 === 0 && list.every(count);
  demand(
    what,
    has(value, { failure: isFailure }) ||
      has(value, { extents: (list) => isRaw(list) || (Array.isArray(list) && list.every(isExtent)) }),
    value,
  );
};

/** Before and after as extents(): four numbers for each, or objects. */
export const trial = (what) => (value) => {
  const isList = (list) => Array.isArray(list) || (list instanceof Float64Array && list.length % 4 === 0 && list.every(count));
  const isTrial = has(value, { dax: boolean, readsZeros: boolean, before: isList, after: isList });
  demand(what, isTrial || has(value, { failure: isFailure }), value);
};

export const badBlocks = (what) => (value) => {
  const known = has(value, { supported: (yes) => yes === true, ranges: Array.isArray });
  demand(
    what,
    known ||
      has(value, { supported: (yes) => yes === false, reason: (text) => typeof text === 'string' && text !== '' }),
    value,
  );
};

/** Two numbers for each pair: bytes transferred, and an errno. */
export const transfers = (pairs) => (value) => {
  const isRight = value instanceof Float64Array && value.length === pairs.length && value.every(count);
  demand('readEach', isRight, value);
};

export const mark = (what) => (value) => {
  demand(
    what,
    has(value, { status: (s) => s === 'absent' || s === 'unsupported' }) ||
      has(value, { status: (s) => s === 'failed', failure: isFailure }) ||
      has(value, { status: (s) => s === 'present', bytes: (b) => b instanceof Uint8Array && b.length > 0 }),
    value,
  );
};

export const names = (what) => (value) => {
  demand(what, has(value, { linkCount: count, isAtPath: boolean }) || has(value, { failure: isFailure }), value);
};

export const journal = (what, limit) => (value) => {
  demand(
    what,
    has(value, { status: (s) => s === 'absent' }) ||
      has(value, { status: (s) => s === 'failed', failure: isFailure }) ||
      has(value, { status: (s) => s === 'too-large', sizeBytes: (n) => isBytes(n) && n > limit }) ||
      has(value, {
        status: (s) => s === 'present',
        bytes: (b) => b instanceof Uint8Array && b.length <= limit,
        ownerId: count,
        modifiedMs: Number.isFinite,
        isElsewhere: boolean,
        mark: (m) => m === undefined || m instanceof Uint8Array,
      }),
    value,
  );
  if (value.status === 'present') requireJournal(value.bytes);
};
