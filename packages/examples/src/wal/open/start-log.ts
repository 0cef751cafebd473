/** From files to a log that can be used: judges them, then makes, joins or cleans up what has to be. */
import type { FileClaim, PmemFile } from '@safe-pmem/core';
import { claimFiles } from '../../claim-files.js';
import { randomId } from '../../random-id.js';
import { PAGE_BYTES } from '../format/format.js';
import { beginCopies, refreshHeaders, writeHeaders } from '../commit/header-copies.js';
import type { CommitPoint } from '../format/commit-slot.js';
import type { LogHeader } from '../format/header-page.js';
import type { Damage, LogFile } from '../log-files.js';
import { logFileOf } from '../log-files.js';
import type { OpenIntent, OpenPlan } from './open-log.js';
import { inspectFiles } from './open-log.js';
import type { Tail } from '../append/pending-records.js';
import type { LogFiles } from '../read/read-pages.js';
import { readBest } from '../read/read-pages.js';
import { bringUp, completeEveryFile } from './last-batch.js';
import { copyToMirror, eraseLeftovers, fillRing, loadTail } from './recover.js';
import { lastPageBefore, limitIn } from '../format/ring.js';
import { lengthenShort, ringOf } from './ring-size.js';
import { settlePoint } from './settle-point.js';
import { WalError } from '../wal-error.js';

export interface StartedLog {
  readonly place: LogFiles;
  readonly header: LogHeader;
  /** Undefined if every copy is lost: the log can only be read. */
  readonly point: CommitPoint | undefined;
  readonly tail: Tail | undefined;
  /** Position of the next record: the end of the log, or the next page if no file can read the last one any more. */
  readonly writeOffset: number;
  /** Header copies that do not hold the commit point. */
  readonly behind: readonly Damage[];
  /** A file had been cut off, and is as long as the log again: its pages are to be repaired. */
  readonly wasShort: boolean;
}

/** The claim that a log open for writing holds until it is closed, so that no other writer has its files. */
export interface ClaimedLog extends StartedLog {
  /** Undefined if the log is only read. */
  readonly claim: FileClaim | undefined;
}

/** Opens the log on one or two files. See Wal.open(). */
export async function startLog(file: PmemFile, mirror: PmemFile | undefined, intent: OpenIntent): Promise<ClaimedLog> {
  const logFiles = logFilesOf(file, mirror);
  const claim = intent.readOnly ? undefined : claimFiles(logFiles.map((logFile) => logFile.file));
  try {
    return { ...(await startFiles(logFiles, intent)), claim };
  } catch (error) {
    claim?.release();
    throw error;
  }
}

async function startFiles(given: readonly LogFile[], intent: OpenIntent): Promise<StartedLog> {
  // Ask for the kernel's list first: what it calls bad must not be touched.
  await Promise.all(given.map((logFile) => logFile.file.badBlocks()));
  const ring = ringOf(given);
  const plan = inspectFiles(given, ring, intent);
  if (intent.readOnly && plan.action !== 'use' && plan.action !== 'salvage') {
    const { path } = (given[0] as LogFile).file;
    const what = `the log cannot be opened read-only, because to ${plan.action} needs writing`;
    throw new WalError('ERR_WAL_READ_ONLY', path, what);
  }
  // Of a file that is attached nothing is believed: it comes last.
  const logFiles = plan.action === 'attach' && plan.from === 'mirror' ? given.toReversed() : given;
  const header = plan.action === 'format' ? { logId: randomId(), pageCount: ring.pageCount } : plan.header;
  const judged = { logFiles, ring, logId: header.logId, era: 0 };
  if (plan.action === 'salvage') {
    const wasShort = !intent.readOnly && (await lengthenShort(logFiles, ring));
    return { place: judged, header, point: undefined, tail: undefined, writeOffset: 0, behind: [], wasShort };
  }
  if (plan.action !== 'format') requireAgreement(judged, plan.commitPoint);
  const point = await pointOf(plan, judged, header, intent);
  const place = { ...judged, era: intent.readOnly ? 0 : point.era };
  let behind: readonly Damage[] = [];
  if (!intent.readOnly) {
    const store = plan.action === 'format' ? writeHeaders : refreshHeaders;
    const { stored, missing } = store(logFiles, ring, header, point);
    if (stored === 0) throw missing[0]?.cause;
    behind = missing;
    eraseLeftovers(place, point);
  }
  const tail = loadTail(place, point.endOffset);
  const writeOffset = tail === undefined ? (lastPageBefore(point.endOffset) + 1) * PAGE_BYTES : point.endOffset;
  // Not before the commit point is stored: until then zeros would read as a last batch that was never written.
  const wasShort = !intent.readOnly && (await lengthenShort(logFiles, ring));
  return { place, header, point, tail, writeOffset, behind, wasShort };
}

/**
 * Throws if a record lies before an end that the commit point names, and after the last one there: another record would
 * get its number. No log writes that; bytes from elsewhere, with a checksum that holds, may say it.
 */
function requireAgreement(place: LogFiles, point: CommitPoint): void {
  requireLast(place, point.headPage, point.endOffset, point.lastSequence);
  requireLast(place, point.headPage, point.certainOffset, point.certainSequence);
}

function requireLast(place: LogFiles, headPage: number, endOffset: number, last: number): void {
  for (let pageNumber = lastPageBefore(endOffset); pageNumber >= headPage; pageNumber--) {
    const { best } = readBest(place, pageNumber, limitIn(pageNumber, endOffset));
    const { fragments } = best.parsed;
    const beyond = fragments.find(({ sequence }) => sequence > last);
    if (beyond !== undefined) {
      const what = `record ${beyond.sequence} lies before the end, and ${last} should be the last: restore a copy`;
      throw new WalError('ERR_WAL_UNREADABLE', best.logFile.file.path, what);
    }
    // The pages before the last one that can be read hold older records.
    if (fragments.length > 0) return;
  }
}

/** The commit point of an empty log. */
export function firstPoint(logFiles: readonly LogFile[], nextSequence: number): CommitPoint {
  return {
    generation: 1,
    era: 1,
    headPage: 0,
    firstSequence: nextSequence,
    certainOffset: 0,
    certainSequence: nextSequence - 1,
    endOffset: 0,
    lastSequence: nextSequence - 1,
    doubtful: undefined,
    reservedThrough: nextSequence - 1,
    pairId: logFiles.length > 1 ? randomId() : 0n,
  };
}

function logFilesOf(file: PmemFile, mirror: PmemFile | undefined): LogFile[] {
  const log = logFileOf('log', file);
  if (mirror === undefined) return [log];
  if (mirror === file || mirror.path === file.path) throw new TypeError('the mirror must be another file');
  return [log, logFileOf('mirror', mirror)];
}

/**
 * The commit point to go on from: how far the log was committed is settled, and an era begins, of which no bytes are
 * in the files yet. A mirror that is attached is complete when this returns; in the other files the last batch is.
 */
async function pointOf(
  plan: Exclude<OpenPlan, { action: 'salvage' }>,
  place: LogFiles,
  header: LogHeader,
  intent: OpenIntent,
): Promise<CommitPoint> {
  if (plan.action === 'format') {
    await fillRing(place);
    return firstPoint(place.logFiles, intent.firstSequence);
  }
  const { action, commitPoint } = plan;
  const trusted = action === 'attach' ? { ...place, logFiles: place.logFiles.slice(0, 1) } : place;
  const { point: settled, toComplete } = settlePoint(trusted, commitPoint);
  if (intent.readOnly) return settled;
  completeEveryFile(trusted, toComplete);
  if (plan.action === 'use' && plan.older !== undefined) bringUp(trusted, plan.older, settled);
  const next = { ...settled, generation: commitPoint.generation + 1, era: commitPoint.era + 1 };
  if (action === 'use') return next;
  if (action === 'detach') return { ...next, pairId: 0n };
  const paired = { ...next, pairId: randomId() };
  await lengthenShort(place.logFiles, place.ring);
  if (plan.action === 'attach' && plan.from === 'mirror') beginCopies(place.logFiles.slice(1), place.ring, header);
  copyToMirror(place, settled);
  writeHeaders(place.logFiles.slice(1), place.ring, header, paired);
  return paired;
}
