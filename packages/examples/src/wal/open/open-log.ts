/** Start-up: finds out which log is in these files, and how far it is committed. Decides; changes nothing. */
import type { CommitPoint } from '../format/commit-slot.js';
import type { LogHeader } from '../format/header-page.js';
import { newest } from '../format/commit-slot.js';
import { FORMAT_VERSION, PAGE_BYTES, isZero } from '../format/format.js';
import type { Inspection } from '../commit/header-copies.js';
import { inspect, isBegun } from '../commit/header-copies.js';
import { hasGoneOn, hasWhatIsLost } from './gone-on.js';
import type { LogFile, Role } from '../log-files.js';
import { readExisting } from '../log-files.js';
import { readHeaderAt } from '../read/read-pages.js';
import type { Ring } from '../format/ring.js';
import { isShort } from './ring-size.js';
import { WalError } from '../wal-error.js';

export interface OpenIntent {
  readonly create: boolean;
  readonly readOnly: boolean;
  readonly attachMirror: boolean;
  readonly detachMirror: boolean;
  /** Of a new log. */
  readonly firstSequence: number;
}

/** The decision of open() about the files: what it has found, and what it has to do. */
export type OpenPlan =
  | { readonly action: 'format' }
  | {
      readonly action: 'use' | 'detach';
      readonly header: LogHeader;
      readonly commitPoint: CommitPoint;
      /** The file of the pair that has missed commit points: it may lack any page that was written since. */
      readonly older?: Role | undefined;
    }
  /** `from` has the log; the other file is to become a copy of it. */
  | { readonly action: 'attach'; readonly from: Role; readonly header: LogHeader; readonly commitPoint: CommitPoint }
  /** Pages of a log, and no commit point: readable, not writable. */
  | { readonly action: 'salvage'; readonly header: LogHeader };

/** Judges the files. Throws WalError if they hold no log, another version, or do not belong together. */
export function inspectFiles(logFiles: readonly LogFile[], ring: Ring, intent: OpenIntent): OpenPlan {
  const [log, mirror] = logFiles.map((logFile) => inspect(logFile, ring)) as [Inspection, Inspection | undefined];
  for (const { status, version, logFile } of [log, ...(mirror === undefined ? [] : [mirror])]) {
    if (status === 'other-version') {
      const found = `the log has format version ${version ?? 0}, not ${FORMAT_VERSION}`;
      const what = `${found}: replay it with the version that wrote it`;
      throw new WalError('ERR_WAL_VERSION', logFile.file.path, what);
    }
  }
  const plan = mirror === undefined ? planAlone(log, ring, intent) : planPair(log, mirror, ring, intent);
  if (plan.action !== 'format') checkSize(logFiles, ring, plan);
  return plan;
}

function planAlone(log: Inspection, ring: Ring, intent: OpenIntent): OpenPlan {
  const { header, commitPoint } = log;
  if (header === undefined || commitPoint === undefined) return withoutCommitPoint([log], ring, intent);
  if (commitPoint.pairId === 0n || intent.readOnly) return { action: 'use', header, commitPoint };
  if (intent.detachMirror) return { action: 'detach', header, commitPoint };
  const hint = 'the log has a mirror: pass it, or give it up with detachMirror';
  throw new WalError('ERR_WAL_MIRROR_MISSING', log.logFile.file.path, hint);
}

function planPair(log: Inspection, mirror: Inspection, ring: Ring, intent: OpenIntent): OpenPlan {
  const point = log.commitPoint;
  if (log.header !== undefined && point !== undefined) {
    if (belongsTo(mirror, log.header, point)) {
      return { action: 'use', header: log.header, commitPoint: newestOf(log, mirror), older: olderOf(log, mirror) };
    }
    if (hasGoneOn(mirror, log, ring)) {
      const hint = hasGoneOn(log, mirror, ring)
        ? 'the log has gone on in both files apart: read both, then pass an empty file in the place of one'
        : 'the log has gone on in the other file without this one: pass that as the log, this as its mirror';
      throw new WalError('ERR_WAL_MIRROR_STALE', log.logFile.file.path, hint);
    }
    if (intent.attachMirror && hasWhatIsLost(mirror, log, ring)) {
      const hint = 'it has records in a page that the log has lost: read it alone, then pass an empty file instead';
      throw new WalError('ERR_WAL_MIRROR_STALE', mirror.logFile.file.path, hint);
    }
    // Left by an open() that made the log and was cut off before it made the mirror, or while it did that once more.
    const isBegun = mirror.header?.logId === log.header.logId && mirror.commitPoint?.endOffset === 0;
    const isFree = isBegun || (mirror.status === 'blank' && isBlank(mirror.logFile, ring));
    const isNew = intent.create && point.generation === 1 && isFree;
    if (intent.attachMirror || isNew) return { action: 'attach', from: 'log', header: log.header, commitPoint: point };
    const hint = 'this file is not the mirror of the log; attachMirror overwrites it with a copy';
    throw new WalError('ERR_WAL_MIRROR_STALE', mirror.logFile.file.path, hint);
  }
  if (mirror.header !== undefined && mirror.commitPoint !== undefined) {
    if (belongsTo(log, mirror.header, mirror.commitPoint)) {
      return { action: 'use', header: mirror.header, commitPoint: mirror.commitPoint };
    }
    const isOurs = isBlank(log.logFile, ring) || isBegun(log.logFile, ring, mirror.header);
    if (intent.attachMirror && log.status === 'blank' && isOurs) {
      return { action: 'attach', from: 'mirror', header: mirror.header, commitPoint: mirror.commitPoint };
    }
    const hint = 'this file holds no log although its mirror does: attachMirror makes a copy of that, if this is empty';
    throw new WalError('ERR_WAL_MIRROR_STALE', log.logFile.file.path, hint);
  }
  return withoutCommitPoint([log, mirror], ring, intent);
}

/** True if both files are of one pair. A file whose headers cannot be read at all is taken at the caller's word. */
function belongsTo(inspection: Inspection, header: LogHeader, point: CommitPoint): boolean {
  if (point.pairId === 0n) return false;
  if (inspection.status === 'unreadable' || inspection.status === 'damaged') return true;
  return (
    inspection.header?.logId === header.logId &&
    (inspection.commitPoint === undefined || inspection.commitPoint.pairId === point.pairId)
  );
}

/**
 * The file that is at least two commit points behind the other: restored from an earlier moment, or one that took none
 * of them. A crash leaves no more than one between them.
 */
function olderOf(log: Inspection, mirror: Inspection): Role | undefined {
  if (log.commitPoint === undefined || mirror.commitPoint === undefined) return undefined;
  const behind = mirror.commitPoint.generation - log.commitPoint.generation;
  if (Math.abs(behind) < 2) return undefined;
  return behind > 0 ? 'log' : 'mirror';
}

function newestOf(...inspections: readonly Inspection[]): CommitPoint {
  return newest(inspections.map((inspection) => inspection.commitPoint)) as CommitPoint;
}

/** No commit point anywhere: an empty file, something else's file, or a log that has lost every header copy. */
function withoutCommitPoint(inspections: readonly Inspection[], ring: Ring, intent: OpenIntent): OpenPlan {
  const { path } = (inspections[0] as Inspection).logFile.file;
  const logFiles = inspections.map((inspection) => inspection.logFile);
  const named = inspections.find((inspection) => inspection.header !== undefined)?.header;
  const header = named ?? headerFromPages(logFiles, ring);
  if (header !== undefined) return { action: 'salvage', header };
  const areBlank = inspections.every(({ status, logFile }) => status === 'blank' && isBlank(logFile, ring));
  if (areBlank) {
    if (intent.create) return { action: 'format' };
    throw new WalError('ERR_WAL_NOT_FORMATTED', path, 'the file is empty; `create: true` makes a log of it');
  }
  if (inspections.some((inspection) => inspection.status === 'unreadable')) {
    throw new WalError(
      'ERR_WAL_UNREADABLE',
      path,
      'no header copy can be read, and no other page shows that this is a log: restore the file from a copy',
    );
  }
  const what = 'the file holds something else than a log: choose another one, or empty it';
  throw new WalError('ERR_WAL_FOREIGN', path, what);
}

/** A file holds pages of one life of one log only, so any page that verifies names it. */
function headerFromPages(logFiles: readonly LogFile[], ring: Ring): LogHeader | undefined {
  for (const logFile of logFiles) {
    for (const position of ring.positionsFromEnd()) {
      const page = readHeaderAt(logFile, position);
      if (page !== undefined) return { logId: page.logId, pageCount: ring.pageCount };
    }
  }
  return undefined;
}

function isBlank(logFile: LogFile, ring: Ring): boolean {
  const bytes = new Uint8Array(PAGE_BYTES);
  return ring
    .positionsFromEnd()
    .every((position) => readExisting(logFile, position, bytes) && isZero(bytes));
}

/**
 * The ring is that of the first header found: the log in force may be another one, or the file to be copied too short.
 */
function checkSize(logFiles: readonly LogFile[], ring: Ring, plan: Exclude<OpenPlan, { action: 'format' }>): void {
  const source = logFiles.find(({ role }) => plan.action !== 'attach' || role === plan.from) as LogFile;
  if (plan.header.pageCount === ring.pageCount && !(plan.action === 'attach' && isShort(source, ring))) return;
  const { path, size } = source.file;
  const logBytes = plan.header.pageCount * PAGE_BYTES;
  const what = `the log was made for ${logBytes} bytes, the file has ${size}: resize() it to that`;
  throw new WalError('ERR_WAL_SIZE', path, what);
}
