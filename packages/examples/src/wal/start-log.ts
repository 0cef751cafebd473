/** From files to a log that can be used: judges them, then makes, joins or cleans up what has to be. */
import type { PmemFile } from '@safe-pmem/core';
import { randomId } from '../random-id.js';
import { PAGE_BYTES } from './format.js';
import { refreshHeaders, ringOf, writeHeaders } from './header-copies.js';
import type { CommitPoint, LogHeader } from './header-page.js';
import type { Member } from './members.js';
import { memberOf } from './members.js';
import type { OpenIntent, Verdict } from './open-log.js';
import { judge } from './open-log.js';
import type { Tail } from './pending-records.js';
import type { LogPlace } from './read-pages.js';
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
  const place = { members, ring, logId: header.logId };
  if (verdict.action === 'salvage') return { place, header, point: undefined, tail: undefined, writeOffset: 0 };
  const point = pointOf(verdict, place, header, intent.firstSequence);
  if (!intent.readOnly) {
    if (verdict.action === 'format') await fillRing(place);
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
    headPage: 0,
    firstSequence: nextSequence,
    endOffset: 0,
    lastSequence: nextSequence - 1,
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

/** The commit point to go on from; a mirror that is attached is complete when this returns. */
function pointOf(
  verdict: Exclude<Verdict, { action: 'salvage' }>,
  place: LogPlace,
  header: LogHeader,
  firstSequence: number,
): CommitPoint {
  if (verdict.action === 'format') return firstPoint(place.members, firstSequence);
  const { action, commitPoint } = verdict;
  if (action === 'use') return commitPoint;
  const next = {
    ...commitPoint,
    generation: commitPoint.generation + 1,
    pairId: action === 'attach' ? randomId() : 0n,
  };
  if (action === 'attach') {
    copyToMirror(place, commitPoint);
    writeHeaders(place.members.slice(1), place.ring, header, next);
  }
  return next;
}
