// Reads a log whose writer was killed, as it was left, and accounts for every record that the writer has told of.
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
import { payloadOf } from './content.mjs';

/** A log is not there, or not made, as long as nobody has said that it was opened. */
const NOT_YET = new Set(['ERR_PMEM_NOT_FOUND', 'ERR_WAL_NOT_FORMATTED', 'ERR_WAL_SIZE']);

const driver = nativeDriver();

/**
 * `told` is what the writers of this log have said: the bounds of `committed` and `truncated` that are certain, and those
 * that were tried. Returns what is wrong, sentence by sentence, and the bounds that the log itself gives.
 */
export async function checkLog(paths, told) {
  const files = [];
  try {
    for (const path of paths) files.push(await PmemFile.open(path, { driver, readOnly: true }));
    const [file, mirror] = files;
    const wal = await Wal.open({ file, readOnly: true, ...(mirror === undefined ? {} : { mirror }) });
    const { firstSequence, lastSequence } = wal;
    const wrong = [...(await findWrongRecords(wal)), ...findWrongBounds(firstSequence, lastSequence, told)];
    wal.close();
    return { wrong, firstSequence, lastSequence };
  } catch (error) {
    if (!told.opened && NOT_YET.has(error.code)) return { wrong: [], firstSequence: 1, lastSequence: 0 };
    return { wrong: [`it cannot be read: ${error.stack}`], firstSequence: 1, lastSequence: 0 };
  } finally {
    for (const file of files) await file.close();
  }
}

async function findWrongRecords(wal) {
  const wrong = [];
  let expected = wal.firstSequence;
  for await (const item of wal.replay()) {
    if (item.type === 'lost') {
      wrong.push(`records ${item.first} to ${item.last} are lost`);
      expected = (item.last ?? Infinity) + 1;
      continue;
    }
    if (item.sequence !== expected) wrong.push(`record ${item.sequence} comes where ${expected} belongs`);
    if (Buffer.compare(item.payload, payloadOf(item.sequence)) !== 0) wrong.push(`record ${item.sequence} is wrong`);
    expected = item.sequence + 1;
  }
  if (expected !== wal.lastSequence + 1)
    wrong.push(`the replay ends at ${expected - 1}, the log at ${wal.lastSequence}`);
  return wrong;
}

function findWrongBounds(first, last, told) {
  const wrong = [];
  if (last < told.committed) wrong.push(`${told.committed} was committed, and the log ends at ${last}`);
  if (last > told.tryCommit)
    wrong.push(`the log ends at ${last}, and nobody has tried to commit more than ${told.tryCommit}`);
  if (first < told.truncated + 1) wrong.push(`${told.truncated} was dropped, and the log begins at ${first}`);
  if (first > told.tryTruncate + 1)
    wrong.push(`the log begins at ${first}, and nobody has tried to drop more than ${told.tryTruncate}`);
  return wrong;
}
