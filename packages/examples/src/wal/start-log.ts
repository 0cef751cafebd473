/** From files to a log that can be used: judges them, then makes, joins or cleans up what has to be. */
import type { PmemFile } from '@safe-pmem/core';
import { randomId } from '../random-id.js';
import { PAGE_BYTES } from './format.js';
import { refreshHeaders, ringOf, writeHeaders } from './header-copies.js';
import type { CommitPoint } from './commit-slot.js';
import type { LogHeader } from './header-page.js';
import type { Member } from './members.js';
import { memberOf } from './members.js';
import type { OpenIntent, Verdict } from './open-log.js';
import { judge } from './open-log.js';
import type { Tail } from './pending-records.js';
import type { LogPlace } from './read-pages.js';
import { completeEveryFile, judgeLastBatch, pointAfter } from './last-batch.js';
import { copyToMirror, eraseLeftovers, fillRing, loadTail } from './recover.js';
import { lastPageBefore } from './ring.js';
import { WalError } from './wal-error.js';

export interface StartedLog {
  readonly place: LogPlace;
  readonly header: LogHeader;
  /** Undefined where every copy is lost: the log can be read only. */
  readonly point: CommitPoint | undefined;
  readonly tail: Tail | undefined;
  /** Where the next record goes: the end of the log, or the next page where nobody can read the last one any more. */
  readonly writeOffset: number;
}

/** Opens the log on one or two files. See Wal.open(). */
export async function startLog(file: PmemFile, mirror: PmemFile | undefined, intent: OpenIntent): Promise<StartedLog> {
  const members = membersOf(file, mirror);
  // What the kernel knows to be bad must be known here before it is touched.
  await Promise.all(members.map((member) => member.file.badBlocks()));
  const verdict = judge(members, intent);
  if (intent.readOnly && verdict.action !== 'use' && verdict.action !== 'salvage') {
    throw new WalError('ERR_WAL_READ_ONLY', file.path, `to ${verdict.action} needs writing`);
  }
  const ring = ringOf(members[0] as Member);
  const header = verdict.action === 'format' ? { logId: randomId(), pageCount: ring.pageCount } : verdict.header;
  const judged = { members, ring, logId: header.logId, era: 0 };
  if (verdict.action === 'salvage') return { place: judged, header, point: undefined, tail: undefined, writeOffset: 0 };
  const point = await pointOf(verdict, judged, header, intent);
  const place = { ...judged, era: intent.readOnly ? 0 : point.era };
  if (!intent.readOnly) {
    const store = verdict.action === 'format' ? writeHeaders : refreshHeaders;
    const { stored, missing } = store(members, ring, header, point);
    if (stored === 0) throw missing[0]?.cause;
    eraseLeftovers(place, point);
  }
  const tail = loadTail(place, point.endOffset);
  const writeOffset = tail === undefined ? (lastPageBefore(point.endOffset) + 1) * PAGE_BYTES : point.endOffset;
  return { place, header, point, tail, writeOffset };
}

/** The commit point of an empty log. */
export function firstPoint(members: readonly Member[], nextSequence: number): CommitPoint {
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
    pairId: members.length > 1 ? randomId() : 0n,
  };
}

function membersOf(file: PmemFile, mirror: PmemFile | undefined): Member[] {
  const log = memberOf('log', file);
  if (mirror === undefined) return [log];
  if (mirror === file || mirror.path === file.path) throw new TypeError('the mirror must be another file');
  if (mirror.size !== file.size) {
    throw new WalError('ERR_WAL_SIZE', mirror.path, `the mirror has ${mirror.size} bytes, the log ${file.size}`);
  }
  return [log, memberOf('mirror', mirror)];
}

/**
 * The commit point to go on from: what became of the last batch is settled, and an era begins, of which no bytes are
 * in the files yet. A mirror that is attached is complete when this returns; in the other files the last batch is.
 */
async function pointOf(
  verdict: Exclude<Verdict, { action: 'salvage' }>,
  place: LogPlace,
  header: LogHeader,
  intent: OpenIntent,
): Promise<CommitPoint> {
  if (verdict.action === 'format') {
    await fillRing(place);
    return firstPoint(place.members, intent.firstSequence);
  }
  const { action, commitPoint } = verdict;
  const trusted = action === 'attach' ? { ...place, members: place.members.slice(0, 1) } : place;
  const state = judgeLastBatch(trusted, commitPoint);
  const settled = pointAfter(commitPoint, state);
  if (intent.readOnly) return settled;
  if (state !== 'absent') completeEveryFile(trusted, commitPoint);
  const next = { ...settled, generation: commitPoint.generation + 1, era: commitPoint.era + 1 };
  if (action === 'use') return next;
  if (action === 'detach') return { ...next, pairId: 0n };
  const paired = { ...next, pairId: randomId() };
  copyToMirror(place, settled);
  writeHeaders(place.members.slice(1), place.ring, header, paired);
  return paired;
}
