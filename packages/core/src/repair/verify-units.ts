/**
 * Reads back what was written, through a fresh mapping: the old one may hold a page that was mapped before the kernel
 * knew of its bad block, and a page of zeros reads well on a device that refuses every write.
 */
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeBetween, rangeEnd } from '../ranges/byte-range.js';
import type { CompleteFile, SystemFailure } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';
import { repairUnitBytes } from '../opening/file-info.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { readOn } from '../rescue/read-on.js';
import { isZero, type RepairUnit, type StepFailure } from './repair-unit.js';

/** So many units are verified before the event loop gets its turn. */
const UNITS_PER_TURN = 512;

/** To fault in once more what lies between two units costs less than a second call, up to here. */
const GAP_PAGES_MAX = 16;

/** Something else was found than what was written. */
export interface Mismatch {
  readonly failure: StepFailure;
  /** The unit holds the bytes of another process, or another process has cut it off. */
  readonly holdsOthers: boolean;
}

/** Reads each of the units back, which were written (ascending). The result has undefined for those that are right. */
export async function verifyUnits(
  file: CompleteFile,
  unsafe: UnsafeRanges,
  written: readonly RepairUnit[],
): Promise<readonly (Mismatch | undefined)[]> {
  const found = new Uint8Array(repairUnitBytes(file.facts));
  const mismatches: (Mismatch | undefined)[] = [];
  let units = 0;
  let start = 0;
  while (start < written.length) {
    const end = endOfGroup(file, unsafe, written, start);
    await verifyGroup(file, written.slice(start, end), found, mismatches);
    units += end - start;
    start = end;
    if (units < UNITS_PER_TURN || end === written.length) continue;
    units = 0;
    await new Promise(setImmediate);
  }
  return mismatches;
}

/**
 * The end of a group of units so near each other that they are mapped once more together. A page between them that is
 * known to be bad stays as it is: mapped before the kernel knew, it may still give its bytes.
 */
function endOfGroup(
  file: CompleteFile, unsafe: UnsafeRanges, written: readonly RepairUnit[], start: number,
): number {
  let end = start + 1;
  while (end < written.length && end - start < UNITS_PER_TURN) {
    const from = rangeEnd((written[end - 1] as RepairUnit).unit);
    const gapBytes = (written[end] as RepairUnit).unit.offset - from;
    if (gapBytes > GAP_PAGES_MAX * file.facts.pageBytes) break;
    if (gapBytes > 0 && !unsafe.isEmptyAt(from, gapBytes)) break;
    end++;
  }
  return end;
}

async function verifyGroup(
  file: CompleteFile, group: readonly RepairUnit[], found: Uint8Array, mismatches: (Mismatch | undefined)[],
): Promise<void> {
  const first = group[0] as RepairUnit;
  const last = group.at(-1) as RepairUnit;
  const unmapped = remapUnits(file, rangeBetween(first.unit.offset, rangeEnd(last.unit)));
  for (const unit of group) {
    const verified = unmapped === undefined
      ? verifyUnit(file, unit, found) : verifyUnmapped(file, unit, found, unmapped);
    // Of thousands of units hardly one has to be waited for, and each wait costs as much as the read.
    const failure = verified instanceof Promise ? await verified : verified;
    mismatches.push(failure === undefined ? undefined : mismatchOf(file, unit, found, failure));
  }
}

function mismatchOf(file: CompleteFile, unit: RepairUnit, found: Uint8Array, failure: StepFailure): Mismatch {
  const isOther = failure.errno === 0 && !isZero(found.subarray(0, unit.data.length));
  return { failure, holdsOthers: isOther || isCutOff(file, unit) };
}

/** Another process has cut it off: whatever is there if the file grows again is none of this repair's. */
function isCutOff(file: CompleteFile, { data }: RepairUnit): boolean {
  const size = file.fileSizeSync();
  return 'sizeBytes' in size && size.sizeBytes <= data.offset;
}

/** Maps what of whole units lies in the mapping once more. */
export function remapUnits(file: CompleteFile, { offset, length }: ByteRange): SystemFailure | undefined {
  const { pageBytes } = file.facts;
  const mappedEnd = Math.ceil(file.mappedBytes / pageBytes) * pageBytes;
  return file.remap(offset, Math.min(offset + length, mappedEnd) - offset);
}

/** Since it was opened the file may have become one that must not be mapped: append-only, or by another policy. */
export function isMappingRefused({ errno }: SystemFailure): boolean {
  return errno === Errno.EACCES || errno === Errno.EPERM;
}

/**
 * Without a fresh mapping pread tells what the file holds, and the old mapping, which a refusal leaves as it is,
 * whether it can be loaded here.
 */
async function verifyUnmapped(
  file: CompleteFile, unit: RepairUnit, found: Uint8Array, unmapped: SystemFailure,
): Promise<StepFailure | undefined> {
  const refused = { step: unmapped.syscall, errno: unmapped.errno };
  if (!isMappingRefused(unmapped)) return refused;
  const bytes = found.subarray(0, unit.data.length);
  const { errno, transferredBytes } = await readOn(file, bytes, unit.data.offset);
  if (errno !== 0) return { step: 'verify', errno };
  if (transferredBytes < bytes.length) return refused;
  if (Buffer.compare(bytes, unit.content) !== 0) return { step: 'verify', errno: 0 };
  const failure = await verifyUnit(file, unit, found);
  return failure?.errno === Errno.EFAULT ? refused : failure;
}

/** `found` is room for a unit. What was appended by others lies past the mapping and is read by pread. */
function verifyUnit(
  file: CompleteFile,
  { data, content }: RepairUnit,
  found: Uint8Array,
): StepFailure | undefined | Promise<StepFailure | undefined> {
  const bytes = data.length === found.length ? found : found.subarray(0, data.length);
  const mappedBytes = Math.min(data.length, Math.max(0, file.mappedBytes - data.offset));
  const mapped = mappedBytes === bytes.length ? bytes : bytes.subarray(0, mappedBytes);
  if (mappedBytes > 0 && file.read(mapped, data.offset) !== undefined) return { step: 'verify', errno: Errno.EFAULT };
  if (mappedBytes < data.length) return verifyPast(file, data, content, bytes, mappedBytes);
  return Buffer.compare(bytes, content) === 0 ? undefined : { step: 'verify', errno: 0 };
}

async function verifyPast(
  file: CompleteFile, data: ByteRange, content: Uint8Array, bytes: Uint8Array, mappedBytes: number,
): Promise<StepFailure | undefined> {
  const past = bytes.subarray(mappedBytes);
  const { errno, transferredBytes } = await readOn(file, past, data.offset + mappedBytes);
  if (errno !== 0 || transferredBytes < past.length) return { step: 'verify', errno };
  return Buffer.compare(bytes, content) === 0 ? undefined : { step: 'verify', errno: 0 };
}
