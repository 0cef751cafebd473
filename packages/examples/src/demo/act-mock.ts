/** Acts 1 to 6, on a simulated machine: the same code as on a real one, and poison as the kernel knows it. */
import { PmemError, PmemFile, formatRange } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { Wal } from '../wal/index.js';
import type { Audit } from './demo.js';
import { newMockFile } from './mock-file.js';
import { runNaiveReader } from './naive-reader.js';
import { drawLegend, drawMap, markRebuilt, rebuiltIn, statesOf } from './page-map.js';
import type { Screen } from './screen.js';
import { audit, describeLosses, expectNothingLost, fill, randomFrom } from './workload.js';

const PAGE_BYTES = 4096;
/** Enough for 10,000 records and some free pages. */
export const LOG_PAGES = 448;
export const RECORDS = 10_000;

/** Picks pages that hold records, all different. */
export function pickPages(file: PmemFile, count: number, random: (limit: number) => number): number[] {
  const pages = statesOf(file).flatMap((state, page) => (state === 'records' ? [page] : []));
  return Array.from({ length: count }, () => pages.splice(random(pages.length), 1)[0] ?? 1);
}

export async function playMirrored(screen: Screen, seed: number): Promise<Audit[]> {
  const random = randomFrom(seed);
  const driver = mockDriver({ seed });
  const [file, mirror] = [await newMockFile(driver, '/pmem0/log', LOG_PAGES), await newMockFile(driver, '/pmem1/mirror', LOG_PAGES)];

  screen.heading('1  A write-ahead log');
  screen.say(`${RECORDS} records go into a log in persistent memory, and into a mirror on a second device. A record is
    committed when commit() has returned: the bytes are durable in both files, and so is the commit point.`);
  const wal = await Wal.open({ file, mirror, create: true });
  fill(screen, wal, RECORDS);
  drawMap(screen, file.path, statesOf(file));
  drawLegend(screen, statesOf(file));

  screen.heading('2  Poison');
  const pages = pickPages(file, 8, random);
  const inMirror = pages.slice(0, 2);
  const inLog = [0, ...pages.slice(2)];
  for (const page of inLog) driver.poison(file.path, { offset: page * PAGE_BYTES, length: 64 });
  for (const page of inMirror) driver.poison(mirror.path, { offset: page * PAGE_BYTES, length: 64 });
  screen.say(`One cache line fails in each of ${inLog.length} pages of the log, one of them the header, and in
    ${inMirror.length} other pages of the mirror. The kernel withdraws the whole page each time.`);
  drawMap(screen, file.path, statesOf(file));
  drawMap(screen, mirror.path, statesOf(mirror));
  drawLegend(screen, statesOf(file), statesOf(mirror));

  screen.heading('3  The naive reader');
  const naive = await playNaiveReader(screen, RECORDS);

  screen.heading('4  PmemFile names the loss');
  try {
    file.read(new Uint8Array(file.size), 0);
  } catch (error) {
    if (!(error instanceof PmemError)) throw error;
    screen.say(
      `Reading the whole file through PmemFile is an ordinary error: ${error.name} ${error.code}, ${error.ranges
        .map(formatRange)
        .join(' ')}.`,
    );
  }
  const alone = await Wal.open({ file, readOnly: true });
  const withoutMirror = await audit(screen, 'mock, replay from the damaged log alone', alone, RECORDS);
  screen.say('Replaying from this file alone, the log returns every record it can and names the rest:');
  for (const line of describeLosses(withoutMirror.losses)) screen.line(`    ${line}`, 'yellow');

  screen.heading('5  Repair, and rebuild from the mirror');
  const report = await wal.repair();
  const inLogNow = markRebuilt(statesOf(file), rebuiltIn(report, 'log'));
  const inMirrorNow = markRebuilt(statesOf(mirror), rebuiltIn(report, 'mirror'));
  drawMap(screen, file.path, inLogNow);
  drawMap(screen, mirror.path, inMirrorNow);
  drawLegend(screen, inLogNow, inMirrorNow);
  screen.say(`repair() took ${report.rebuilt.length} pages back: those of the log from the mirror, those of the
    mirror from the log, the header from memory. Bytes of the other file are used only if their checksums hold.`);
  const repaired = expectNothingLost(await audit(screen, 'mock, repaired from the mirror', wal, RECORDS));
  if (report.lost.length + report.failed.length > 0) repaired.problems.push('repair() did not bring back every page');
  await file.close();
  await mirror.close();
  return [naive, withoutMirror, repaired];
}

export async function playAlone(screen: Screen, seed: number): Promise<Audit[]> {
  const random = randomFrom(seed + 1);
  const driver = mockDriver({ seed });
  let file = await newMockFile(driver, '/pmem0/alone', LOG_PAGES);

  screen.heading('6  The same without a mirror');
  let wal = await Wal.open({ file, create: true });
  fill(screen, wal, RECORDS);
  for (const page of pickPages(file, 4, random)) driver.poison(file.path, { offset: page * PAGE_BYTES, length: 64 });
  const { pieces, gaps } = await file.salvage();
  const savedBytes = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  screen.say(`salvage() reads ${savedBytes} of ${file.size} bytes, names ${gaps.length} gaps, and changes nothing.`);
  const report = await wal.repair();
  drawMap(screen, file.path, statesOf(file));
  drawLegend(screen, statesOf(file));
  screen.say(`No file has the bytes of these ${report.lost.length} pages. After the repair the pages take stores again,
    but they do not read as zeros: reads of the lost bytes throw ERR_PMEM_LOST, after a restart too. So a hole is never
    taken for the end of the log, and the log goes on after it:`);
  await file.close();
  file = await PmemFile.open('/pmem0/alone', { driver });
  wal = await Wal.open({ file });
  const committed = RECORDS + 100;
  fill(screen, wal, committed);
  const result = await audit(screen, 'mock, no mirror, repaired, restarted, 100 more', wal, committed);
  for (const line of describeLosses(result.losses)) screen.line(`    ${line}`, 'yellow');
  if (result.lost === 0) result.problems.push('poisoned pages without a copy, and nothing lost');
  await file.close();
  return [result];
}

/** Runs the process that dies. The row says what it has returned: nothing, and no word of what was lost. */
async function playNaiveReader(screen: Screen, committed: number): Promise<Audit> {
  const death = await runNaiveReader();
  const row: Audit = { title: 'naive reader', committed, intact: 0, bytes: 0, lost: 0, problems: [], instead: 'SIGBUS' };
  if (death.signal !== 'SIGBUS') {
    row.problems.push(`the naive reader ended with code ${death.code ?? 'none'}, signal ${death.signal ?? 'none'}`);
    screen.line('The naive reader could not be shown: is the fault injector of @safe-pmem/native built?', 'red');
    return row;
  }
  screen.say(`Most programs map a file and read it. So does process ${death.processId}, a real one: it maps a scratch
    file, the file is cut off under the mapping, it loads a byte:`);
  screen.line(`    process ${death.processId}: killed by ${death.signal}`, 'red');
  screen.say('No exception, nothing to catch, no word of what was lost. Poison raises this same signal.');
  return row;
}
