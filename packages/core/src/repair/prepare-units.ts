/**
 * Decides for each unit whether anything is wrong with it, salvages what it still holds, and asks the caller for the
 * rest. Nothing is written: an exception out of here leaves every unit untouched.
 */
import type { FileBadBlock } from '../bad-blocks.js';
import type { ByteRange } from '../byte-range.js';
import { coalesce, formatRange, overlappingOf, rangeEnd, subtract, totalLength } from '../byte-range.js';
import { copyAround } from '../copy-around.js';
import type { DriverFile } from '../driver.js';
import { PmemError, RepairError } from '../errors.js';
import { repairUnitBytes } from '../file-info.js';
import type { Hazards } from '../hazards.js';
import { unexplainedFault } from '../system-error.js';
import { UnitContents } from './unit-contents.js';
import type { UnitPlan, UnitWork } from './unit-work.js';

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

interface Salvaged extends UnitPlan {
  readonly content: Uint8Array;
  readonly lost: readonly ByteRange[];
  readonly shared: boolean;
}

/** Units that are healthy are left out of the result. `blocks` is the kernel's list for this part of the file. */
export async function prepareUnits(
  file: DriverFile,
  hazards: Hazards,
  plans: readonly UnitPlan[],
  blocks: readonly FileBadBlock[],
  request: PrepareRequest,
): Promise<PreparedUnit[]> {
  const totalBytes = totalLength(plans.map((plan) => plan.data));
  const contents = new UnitContents(totalBytes, repairUnitBytes(file.facts), request.rebuild === undefined ? (request.fill ?? 0) : undefined);
  const salvaged: Salvaged[] = [];
  for (const plan of plans) {
    const unit = salvageUnit(file, hazards, plan, contents, blocks, isSupplied(request));
    if (unit !== undefined) salvaged.push(unit);
  }
  if (request.rebuild !== undefined) await rebuildLost(file, salvaged, request.rebuild);
  // Spelled out, not spread: there may be thousands of these.
  return salvaged.map(({ unit, data, content, lost, shared }) => ({
    unit,
    data,
    content,
    lost,
    shared,
    attempts: [],
    strategy: undefined,
    altered: false,
    rebuilt: request.rebuild === undefined ? [] : lost,
    filled: request.fill === undefined ? [] : lost,
    tombstoned: isSupplied(request) ? [] : lost,
  }));
}

function isSupplied({ rebuild, fill }: PrepareRequest): boolean {
  return rebuild !== undefined || fill !== undefined;
}

/** Reads what the unit still holds. Undefined where the unit needs nothing. */
function salvageUnit(
  file: DriverFile,
  hazards: Hazards,
  plan: UnitPlan,
  contents: UnitContents,
  blocks: readonly FileBadBlock[],
  supplied: boolean,
): Salvaged | undefined {
  const { unit, data } = plan;
  const bad = overlappingOf(blocks, data);
  const shared = bad.some((block) => block.shared);
  const tombstones = hazards.tombstonesWithin(data);
  const unfinished = hazards.unfinishedAt(data.offset);
  if (unfinished?.length === data.length) {
    return { unit, data, content: contents.keep(data, unfinished.content, tombstones), lost: tombstones, shared };
  }
  const found = contents.scratch(data.length);
  // What has already faulted is not touched again. What is merely listed gets one try: a page that was mapped before
  // the kernel learned of the bad block may still give its bytes.
  const met = hazards.metWithin(data);
  const lost: ByteRange[] = [...met, ...tombstones];
  for (const range of subtract([data], met)) {
    const gaps = copyAround(file, 'read', range, (piece) => {
      const from = piece.offset - data.offset;
      return file.read(found.subarray(from, from + piece.length), piece.offset);
    });
    for (const gap of gaps) {
      if (gap.reason === 'truncated') {
        throw new PmemError('ERR_PMEM_TRUNCATED', 'the file was truncated', { path: file.facts.path, ranges: [gap] });
      }
      // Nobody knows what is there: zeros in its place would pass for data.
      if (gap.reason === 'io') throw unexplainedFault('repair', gap, { path: file.facts.path, ranges: [data] });
      // A hole that cannot be allocated (no-space) holds no data to lose: its bytes are zeros by definition.
      found.fill(0, gap.offset - data.offset, rangeEnd(gap) - data.offset);
      if (gap.reason === 'media') lost.push(gap);
    }
  }
  const mediaLost = lost.length > tombstones.length;
  if (!mediaLost && bad.length === 0 && !(tombstones.length > 0 && supplied)) return undefined;
  const allLost = coalesce(lost);
  return { unit, data, content: contents.keep(data, found, allLost), lost: allLost, shared };
}

/** One call of `rebuild` per run of lost bytes; runs that touch across units are one. */
async function rebuildLost(file: DriverFile, units: readonly Salvaged[], rebuild: Rebuild): Promise<void> {
  const parts = units.flatMap((unit) => unit.lost.map((lost) => ({ lost, unit })));
  let done = 0;
  for (const range of coalesce(parts.map((part) => part.lost))) {
    const refuse = (reason: string, cause?: unknown): RepairError =>
      new RepairError(`rebuild of ${formatRange(range)} ${reason}; no unit of this batch was touched`, [], {
        path: file.facts.path,
        ranges: units.map((unit) => unit.data),
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
    // Copied at once: the caller may reuse its buffer for the next call.
    for (let part = parts[done]; part !== undefined && part.lost.offset < rangeEnd(range); part = parts[++done]) {
      const { lost, unit } = part;
      unit.content.set(bytes.subarray(lost.offset - range.offset, rangeEnd(lost) - range.offset), lost.offset - unit.data.offset);
    }
  }
}
