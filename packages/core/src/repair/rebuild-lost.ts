/** Asks the application for lost bytes, run by run, and checks what it returns. */
import { isBytes } from '../arguments.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { coalesce, formatRange, rangeEnd } from '../ranges/byte-range.js';
import { RepairError } from '../errors/errors.js';
import type { FoundUnit } from './repair-unit.js';
import type { Rebuild } from './types.js';

/**
 * One call of `rebuild` per run of lost bytes; runs that touch across units are one. Puts the bytes into the contents
 * of the units, and returns what was not supplied. Throws RepairError.
 */
export async function rebuildLost(
  path: string, units: readonly FoundUnit[], rebuild: Rebuild,
): Promise<Map<FoundUnit, ByteRange[]>> {
  const refusal: Refusal = (range, reason, cause) =>
    new RepairError(`rebuild of ${formatRange(range)} ${reason}; no unit of this batch was touched`, [], {
      path,
      ranges: coalesce(units.map((unit) => unit.data)),
      cause,
    });
  const left = new Map<FoundUnit, ByteRange[]>();
  const parts = units.flatMap((unit) => unit.lost.map((lost) => ({ lost, unit })));
  let done = 0;
  for (const range of coalesce(parts.map((part) => part.lost))) {
    const supplied = ask(refusal, rebuild, range);
    const answer = supplied instanceof Promise ? await awaited(refusal, range, supplied) : supplied;
    const bytes = checked(refusal, range, answer);
    // Copied at once: the caller may reuse its buffer for the next call.
    for (let part = parts[done]; part !== undefined && part.lost.offset < rangeEnd(range); part = parts[++done]) {
      const { lost, unit } = part;
      if (bytes === undefined) left.set(unit, [...(left.get(unit) ?? []), lost]);
      else unit.content.set(partOf(bytes, range, lost), lost.offset - unit.data.offset);
    }
  }
  return left;
}

function partOf(bytes: Uint8Array, range: ByteRange, lost: ByteRange): Uint8Array {
  return bytes.subarray(lost.offset - range.offset, rangeEnd(lost) - range.offset);
}

type Refusal = (range: ByteRange, reason: string, cause?: unknown) => RepairError;

/** Waits for nothing if `rebuild` answers at once: of ten thousand calls each wait costs as much as the call. */
function ask(refuse: Refusal, rebuild: Rebuild, range: ByteRange): ReturnType<Rebuild> {
  try {
    const supplied = rebuild(range);
    return supplied === undefined || isBytes(supplied) ? supplied : Promise.resolve(supplied);
  } catch (cause) {
    throw refuse(range, 'threw', cause);
  }
}

async function awaited(refuse: Refusal, range: ByteRange, supplied: Promise<unknown>): Promise<unknown> {
  try {
    return await supplied;
  } catch (cause) {
    throw refuse(range, 'threw', cause);
  }
}

function checked(refuse: Refusal, range: ByteRange, bytes: unknown): Uint8Array | undefined {
  if (bytes === undefined) return undefined;
  if (!isBytes(bytes)) throw refuse(range, 'did not return a Uint8Array or undefined');
  if (bytes.byteLength !== range.length) {
    throw refuse(range, `returned ${bytes.byteLength} bytes where ${range.length} were lost`);
  }
  return bytes;
}
