/**
 * Decides for each unit whether anything is wrong with it, salvages what it still holds, and asks the caller for the
 * rest. Nothing is written: an exception out of here leaves every unit untouched.
 */
import type { FileBadBlock } from '../bad-blocks.js';
import type { ByteRange } from '../byte-range.js';
import { coalesce, formatRange, intersectAll, overlappingOf, rangeEnd, subtract, totalLength } from '../byte-range.js';
import { copyAround } from '../copy-around.js';
import type { DriverFile } from '../driver.js';
import { PmemError, RepairError } from '../errors.js';
import type { Hazards } from '../hazards.js';
import { systemError } from '../system-error.js';
import type { UnitWork } from './unit-work.js';

/** Returns the bytes of exactly `range`, from the application's redundancy. */
export type Rebuild = (range: ByteRange) => Uint8Array | Promise<Uint8Array>;

export interface PrepareRequest {
  readonly rebuild: Rebuild | undefined;
  readonly fill: number | undefined;
}

/** A unit that needs repair, and what becomes of the bytes that it lost. */
export interface PreparedUnit extends UnitWork {
  readonly lost: readonly ByteRange[];
  readonly rebuilt: readonly ByteRange[];
  readonly filled: readonly ByteRange[];
  readonly tombstoned: readonly ByteRange[];
}

type Plan = Pick<UnitWork, 'unit' | 'data'>;

interface Salvaged extends Plan {
  readonly content: Uint8Array;
  readonly lost: readonly ByteRange[];
  readonly shared: boolean;
}

interface RebuiltPiece extends ByteRange {
  readonly bytes: Uint8Array;
}

/** Units that are healthy are left out of the result. `blocks` is the kernel's list for this part of the file. */
export async function prepareUnits(
  file: DriverFile,
  hazards: Hazards,
  plans: readonly Plan[],
  blocks: readonly FileBadBlock[],
  request: PrepareRequest,
): Promise<PreparedUnit[]> {
  const supplied = request.rebuild !== undefined || request.fill !== undefined;
  const salvaged: Salvaged[] = [];
  // One buffer for all of them: thousands of small ones keep the garbage collector busy.
  const contents = new Uint8Array(totalLength(plans.map((plan) => plan.data)));
  let used = 0;
  for (const plan of plans) {
    const content = contents.subarray(used, (used += plan.data.length));
    const unit = salvageUnit(file, hazards, plan, content, blocks, supplied);
    if (unit !== undefined) salvaged.push(unit);
  }
  const rebuilt = request.rebuild === undefined ? [] : await rebuildLost(file, salvaged, request.rebuild);
  return salvaged.map((unit) => {
    const { lost, data, content } = unit;
    for (const piece of overlappingOf(rebuilt, data)) {
      for (const part of intersectAll([piece], lost)) {
        const from = part.offset - piece.offset;
        content.set(piece.bytes.subarray(from, from + part.length), part.offset - data.offset);
      }
    }
    if (request.fill !== undefined) {
      for (const range of lost) {
        content.fill(request.fill, range.offset - data.offset, rangeEnd(range) - data.offset);
      }
    }
    // Spelled out, not spread: there may be thousands of these.
    return {
      unit: unit.unit,
      data,
      content,
      lost,
      shared: unit.shared,
      attempts: [],
      strategy: undefined,
      altered: false,
      rebuilt: request.rebuild === undefined ? [] : lost,
      filled: request.fill === undefined ? [] : lost,
      tombstoned: supplied ? [] : lost,
    };
  });
}

/** Fills `content` with what the unit holds. Undefined where the unit needs nothing. */
function salvageUnit(
  file: DriverFile,
  hazards: Hazards,
  plan: Plan,
  content: Uint8Array,
  blocks: readonly FileBadBlock[],
  supplied: boolean,
): Salvaged | undefined {
  const { data } = plan;
  const bad = overlappingOf(blocks, data);
  const shared = bad.some((block) => block.shared);
  const tombstones = hazards.tombstonesWithin(data);
  const unfinished = hazards.unfinishedAt(data.offset);
  if (unfinished?.length === data.length) {
    content.set(unfinished.content);
    return { unit: plan.unit, data, content, lost: tombstones, shared };
  }
  // What has already faulted is not touched again. What is merely listed gets one try: a page that was mapped before
  // the kernel learned of the bad block may still give its bytes.
  const met = hazards.metWithin(data);
  const lost: ByteRange[] = [...met, ...tombstones];
  for (const range of subtract([data], met)) {
    const gaps = copyAround(file, 'read', range, (piece) => {
      const from = piece.offset - data.offset;
      return file.read(content.subarray(from, from + piece.length), piece.offset);
    });
    for (const gap of gaps) {
      if (gap.reason === 'truncated') {
        throw new PmemError('ERR_PMEM_TRUNCATED', 'the file was truncated', { path: file.facts.path, ranges: [gap] });
      }
      // Nobody knows what is there: zeros in its place would pass for data.
      if (gap.failure !== undefined) throw systemError('cannot repair', gap.failure, { path: file.facts.path, ranges: [data] });
      // A hole that cannot be allocated (no-space) holds no data to lose: its bytes are zeros by definition.
      if (gap.reason === 'media') lost.push(gap);
    }
  }
  const mediaLost = lost.length > tombstones.length;
  if (!mediaLost && bad.length === 0 && !(tombstones.length > 0 && supplied)) return undefined;
  const allLost = coalesce(lost);
  // A failed copy leaves the target unspecified; journals and receipts must be reproducible.
  for (const range of allLost) content.fill(0, range.offset - data.offset, rangeEnd(range) - data.offset);
  return { unit: plan.unit, data, content, lost: allLost, shared };
}

/** One call of `rebuild` per run of lost bytes; runs that touch across units are one. */
async function rebuildLost(
  file: DriverFile,
  units: readonly Salvaged[],
  rebuild: Rebuild,
): Promise<readonly RebuiltPiece[]> {
  const pieces: RebuiltPiece[] = [];
  const all = units.map((unit) => unit.data);
  for (const range of coalesce(units.flatMap((unit) => unit.lost))) {
    const refuse = (reason: string, cause?: unknown): RepairError =>
      new RepairError(`rebuild of ${formatRange(range)} ${reason}; no unit of this batch was touched`, [], {
        path: file.facts.path,
        ranges: all,
        cause,
      });
    let bytes: unknown;
    try {
      bytes = await rebuild(range);
    } catch (cause) {
      throw refuse('threw', cause);
    }
    if (!(bytes instanceof Uint8Array)) throw refuse('did not return a Uint8Array');
    if (bytes.byteLength !== range.length) {
      throw refuse(`returned ${bytes.byteLength} bytes where ${range.length} were lost`);
    }
    // Copied: the caller may reuse its buffer for the next call.
    pieces.push({ ...range, bytes: Uint8Array.from(bytes) });
  }
  return pieces;
}

