/** Act 7, on this machine: real mappings of real files, and a real SIGBUS caught in this very process. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PmemError, PmemFile, formatRange } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { Wal } from '../wal/index.js';
import { LOG_PAGES, RECORDS, pickPages } from './act-mock.js';
import type { Audit } from './demo.js';
import type { FaultInjector } from './naive-reader.js';
import { describeFailure, loadInjector, truncateElsewhere } from './naive-reader.js';
import { drawLegend, drawMap, markRebuilt, rebuiltIn, statesOf } from './page-map.js';
import type { Screen } from './screen.js';
import { audit, expectNothingLost, fill, randomFrom } from './workload.js';

const PAGE_BYTES = 4096;
const TMPFS_MAGIC = 0x01021994;

/** Plays the act in a directory of its own, which it removes. */
export async function playNative(screen: Screen, seed: number, forceTruncation: boolean): Promise<Audit[]> {
  screen.heading('7  The same on this machine');
  const shared = '/dev/shm';
  const onTmpfs = isTmpfs(shared);
  const directory = mkdtempSync(join(onTmpfs ? shared : tmpdir(), 'safe-pmem-demo-'));
  try {
    return await playIn(screen, directory, seed, onTmpfs && !forceTruncation);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function playIn(screen: Screen, directory: string, seed: number, tryPoison: boolean): Promise<Audit[]> {
  const random = randomFrom(seed + 2);
  const request = { driver: nativeDriver(), create: true, size: LOG_PAGES * PAGE_BYTES, preallocate: true };
  const file = await PmemFile.open(join(directory, 'log'), request);
  const mirror = await PmemFile.open(join(directory, 'mirror'), request);
  try {
    const { filesystem, persistInstruction, kernelRelease } = file.info();
    screen.say(`Linux ${kernelRelease}, ${filesystem}, stores made durable by ${persistInstruction}. Not one line of the
      log is different; only the driver is.`);
    const wal = await Wal.open({ file, mirror, create: true });
    fill(screen, wal, RECORDS);
    // A header copy, the page that the next record goes into, and five others.
    const pages = [0, statesOf(file).lastIndexOf('records'), ...pickPages(file, 5, random)];
    const poisoned = tryPoison && poison(screen, file, pages);
    if (!poisoned) truncate(screen, file, pages);
    const damaged = await audit(screen, 'native, damaged, read with the mirror', wal, RECORDS);
    const committed = RECORDS + 100;
    showRefusal(screen, wal, committed);
    if (!poisoned) truncateElsewhere(file.path, LOG_PAGES * PAGE_BYTES);
    const report = await wal.repair();
    fill(screen, wal, committed);
    const states = markRebuilt(statesOf(file), rebuiltIn(report, 'log'));
    drawMap(screen, file.path, states);
    drawLegend(screen, states);
    screen.say(`repair() has rebuilt ${report.rebuilt.length} pages, and 100 more records went in. The process that
      met every one of these signals, ${process.pid}, is the one that writes this.`);
    const title = 'native, repaired, 100 more, read without mirror';
    const alone = await Wal.open({ file, readOnly: true });
    return [expectNothingLost(damaged), expectNothingLost(await audit(screen, title, alone, committed))];
  } finally {
    await file.close();
    await mirror.close();
  }
}

/** Puts real poison into this process's mapping. Returns false, and says why, if this kernel cannot. */
function poison(screen: Screen, file: PmemFile, pages: readonly number[]): boolean {
  const loaded = loadInjector();
  if ('missing' in loaded) {
    screen.say(`No fault injector (${loaded.missing}).`, 'yellow');
    return false;
  }
  for (const page of pages) {
    if (!poisonPage(screen, loaded.injector, file, page)) return false;
  }
  screen.say(`${pages.length} pages are poisoned for real (UFFDIO_POISON): from here on, every load or store of them
    raises SIGBUS in this process. The log is read all the same, each bad page from the mirror:`);
  return true;
}

function poisonPage(screen: Screen, injector: FaultInjector, file: PmemFile, page: number): boolean {
  const outcome = injector.poison(file.path, page * PAGE_BYTES, PAGE_BYTES);
  if (outcome.errno === 0) return true;
  screen.say(
    `This kernel does not poison on request (${describeFailure(outcome)}; UFFDIO_POISON came with Linux 6.6).`,
    'yellow',
  );
  return false;
}

/** The other way to lose mapped bytes, which every kernel has. */
function truncate(screen: Screen, file: PmemFile, pages: readonly number[]): void {
  const firstLost = Math.min(...pages.filter((page) => page > 0));
  truncateElsewhere(file.path, firstLost * PAGE_BYTES);
  screen.say(`Instead, another process has cut the file off at page ${firstLost}, under its mapping: every load after it
    raises a real SIGBUS. The log is read all the same, the missing pages from the mirror:`);
}

/** Shows what a commit into a damaged page says: that it has not happened. */
function showRefusal(screen: Screen, wal: Wal, committed: number): void {
  const before = wal.lastSequence;
  try {
    fill(screen, wal, committed);
  } catch (error) {
    if (!(error instanceof PmemError) || wal.lastSequence !== before) throw error;
    screen.say(`A commit now throws ${error.name} ${error.code}, ${error.ranges.map(formatRange).join(' ')}: nothing
      of it counts, and nothing is forgotten. repair(), then commit() again:`);
    return;
  }
  throw new Error('a commit into a damaged page succeeded');
}

function isTmpfs(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}
