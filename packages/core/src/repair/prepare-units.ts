/**
 * Decides for each suspect unit whether anything is wrong with it, salvages what it still holds, and asks the caller
 * for the rest. Nothing is written: an exception out of here leaves every unit untouched.
 */
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeEnd, totalLength } from '../ranges/byte-range.js';
import { repairUnitBytes } from '../opening/file-info.js';
import { rebuildLost } from './rebuild-lost.js';
import { type FoundUnit, placeOfUnit, RepairUnit, type Supply, type UnitPlace } from './repair-unit.js';
import { pagesOf, type PrepareScene, salvageUnit } from './salvage-unit.js';
import type { ContentRequest } from './types.js';
import { readEachOn } from '../rescue/read-on.js';
import { UnitContents } from './unit-contents.js';

/** One for thousands of units; frozen, since receipts show it. */
const NONE: readonly ByteRange[] = Object.freeze([]);

/**
 * Units of `suspects` (ascending runs of units) that are healthy after all are left out of the result. Those in which
 * others have stored where the bytes to be supplied were lost are `holds-others`: nothing is to be done to them.
 */
export async function prepareUnits(
  scene: PrepareScene, suspects: readonly ByteRange[], request: ContentRequest,
): Promise<RepairUnit[]> {
  const { file, unsafe } = scene;
  const { rebuild } = request;
  const found = await findUnits(scene, suspects, request);
  const wanting = found.filter((unit) => !unit.holdsOthers);
  const left = rebuild === undefined ? undefined : await rebuildLost(file.facts.path, wanting, rebuild);
  const unitBytes = repairUnitBytes(file.facts);
  return found.map((unit) => {
    // What an earlier repair left half done stays so until one succeeds.
    const isHalfDone = unsafe.unfinishedAt(unit.data.offset) !== undefined;
    // A page that can be read may get stores of others. Only a copy of its new content tells them from this repair's.
    const isUnread = isHalfDone || unit.readErrno !== 0;
    const supply = supplyOf(unit, request, left?.get(unit) ?? NONE, isUnread ? unitBytes : Infinity);
    return new RepairUnit(unit, supply, isHalfDone);
  });
}

async function findUnits(
  scene: PrepareScene, suspects: readonly ByteRange[], { rebuild, fill }: ContentRequest,
): Promise<FoundUnit[]> {
  const { file, fileSizeBytes } = scene;
  const { pageBytes } = file.facts;
  const unitBytes = repairUnitBytes(file.facts);
  const places: UnitPlace[] = [];
  const pieces: ByteRange[] = [];
  for (const run of suspects) {
    for (let at = run.offset; at < rangeEnd(run); at += unitBytes) {
      const place = placeOfUnit(at, unitBytes, fileSizeBytes);
      places.push(place);
      if (place.data.length <= pageBytes) pieces.push(place.data);
      else pieces.push(...pagesOf(place.data, pageBytes));
    }
  }
  if (places.length === 0) return [];
  const totalBytes = totalLength(pieces);
  const bytes = scene.room.take(totalBytes);
  const reads = await readEachOn(file, pieces, bytes);
  const contents = new UnitContents(unitBytes, totalBytes, rebuild === undefined ? (fill ?? 0) : undefined);
  const isSupplied = rebuild !== undefined || fill !== undefined;
  const units: FoundUnit[] = [];
  let at = 0;
  let page = 0;
  for (const place of places) {
    const { length } = place.data;
    const count = Math.ceil(length / pageBytes);
    const found = bytes.subarray(at, (at += length));
    const unit = salvageUnit(scene, place, found, reads.slice(page, (page += count)), contents, isSupplied);
    if (unit !== undefined) units.push(unit);
  }
  return units;
}

/** `left`: what `rebuild` did not supply of the unit. If `goneBytes` of it are lost, its intent may be bare. */
function supplyOf(
  { lost }: FoundUnit, { rebuild, fill, journalRebuilt }: ContentRequest, left: readonly ByteRange[], goneBytes: number,
): Supply {
  const isPartial = left.length > 0;
  const isGone = lost.length === 1 && lost[0]?.length === goneBytes;
  return {
    suppliable: rebuild !== undefined && !journalRebuilt && !isPartial && isGone,
    rebuilt: rebuild === undefined ? NONE : isPartial ? lost.filter((range) => !left.includes(range)) : lost,
    filled: fill === undefined ? NONE : lost,
    tombstoned: rebuild === undefined && fill === undefined ? lost : left,
  };
}
