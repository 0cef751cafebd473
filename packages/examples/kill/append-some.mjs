import { payloadOf } from './content.mjs';

/** Appends one to four records, `below(4)` says how many. The last sequence appended; undefined if the ring is full. */
export function appendSome(wal, below) {
  let last;
  for (let records = 1 + below(4); records > 0; records--) {
    try {
      last = wal.append(payloadOf(wal.nextSequence));
    } catch (error) {
      if (error.code !== 'ERR_WAL_FULL') throw error;
      return last;
    }
  }
  return last;
}
