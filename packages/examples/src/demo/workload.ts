/** The records of the demo, and the audit that decides whether it may call itself a success. */
import type { Damage, LostRecords, ReplayItem, Wal } from '../wal/index.js';
import type { Audit } from './demo.js';
import type { Screen } from './screen.js';

/** Records committed together. */
const BATCH = 50;

/** A generator that a seed reproduces (Marsaglia's xorshift). */
export function randomFrom(seed: number): (limit: number) => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** Returns the payload of record `sequence`: a transfer, followed by bytes that no other record shares. */
export function payloadOf(sequence: number): Uint8Array {
  const random = randomFrom(sequence + 1);
  const text = JSON.stringify({ transfer: sequence, from: random(1000), to: random(1000), cents: random(1e7) });
  const payload = Buffer.alloc(text.length + random(120));
  payload.write(text);
  for (let at = text.length; at < payload.length; at++) payload[at] = random(256);
  return new Uint8Array(payload);
}

/** Appends records up to number `last` and commits them, together with any that a failed commit has left waiting. */
export function fill(screen: Screen, wal: Wal, last: number): void {
  for (let sequence = wal.nextSequence ?? 1; sequence <= last; sequence++) {
    wal.append(payloadOf(sequence));
    if (sequence % BATCH === 0) wal.commit();
    screen.progress(`committing ${last} records`, sequence, last);
  }
  wal.commit();
}

/** The account of a replay. */
export interface LogAudit extends Audit {
  readonly losses: LostRecords[];
}

/** Anything that can be replayed like a log. */
export interface Replayable {
  replay(): AsyncIterable<ReplayItem>;
}

/** Replays the log, compares every byte, and checks that each of `committed` records is accounted for once. */
export async function audit(screen: Screen, title: string, log: Replayable, committed: number): Promise<LogAudit> {
  const result: LogAudit = { title, committed, intact: 0, bytes: 0, lost: 0, losses: [], problems: [] };
  let next = 1;
  for await (const item of log.replay()) {
    const first = item.type === 'record' ? item.sequence : item.first;
    if (first !== next) result.problems.push(`record ${next} was neither returned nor reported lost`);
    if (item.type === 'record') {
      if (Buffer.compare(item.payload, payloadOf(item.sequence)) === 0) result.intact++;
      else result.problems.push(`record ${item.sequence} came back with wrong bytes`);
      result.bytes += item.payload.length;
      next = item.sequence + 1;
    } else {
      if (item.last === undefined) result.problems.push(`how many records were lost from ${item.first} on is unknown`);
      next = (item.last ?? item.first) + 1;
      result.lost += next - item.first;
      result.losses.push(item);
    }
    screen.progress('replaying', Math.min(next - 1, committed), committed);
  }
  if (next - 1 !== committed) result.problems.push(`replay ended at record ${next - 1} of ${committed}`);
  return result;
}

/** `lost records 118 to 141: log bytes [16384, 20480), media`, and a line for each further page of a loss. */
export function describeLosses(losses: readonly LostRecords[]): string[] {
  return losses.flatMap(({ first, last, damage }) => {
    const which = first === last ? `record ${first}` : `records ${first} to ${last ?? '?'}`;
    return damage.map((piece, i) => (i === 0 ? `lost ${which}: ` : '  and ') + describeDamage(piece));
  });
}

function describeDamage({ role, range, reason }: Damage): string {
  return `${role} bytes [${range.offset}, ${range.offset + range.length}), ${reason}`;
}

/** Adds every loss as a problem, for the acts in which a mirror has to bring everything back. */
export function expectNothingLost<Row extends Audit>(result: Row): Row {
  if (result.lost > 0) result.problems.push(`${result.lost} records lost although the mirror had them`);
  return result;
}
