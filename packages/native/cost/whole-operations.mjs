// node whole-operations.mjs DIRECTORY OPERATION COUNT: a log that commits COUNT times, or a repair of COUNT bad pages.
// What is to be counted happens between two marks: calls of access(2) that name files which do not exist.
import { accessSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
import { driverWithBadBlocks } from '../../../bench/listed-blocks.mjs';

const PAGE = 4096;
const [where, operation, asked] = process.argv.slice(2);
const count = Number(asked);
const directory = mkdtempSync(path.join(where, 'cost-'));
const name = path.join(directory, 'file');

function mark(what) {
  try {
    accessSync(`/cost-marker/${what}`);
  } catch {
    // There is no such file: the call is the mark.
  }
}

async function commits() {
  const file = await PmemFile.open(name, { driver: nativeDriver(), create: true, size: 4 << 20, preallocate: true });
  // However slow the disk is, each flush is to be made on this thread.
  const wal = await Wal.open({ file, create: true, blockMs: 60_000 });
  const record = new Uint8Array(64).fill(5);
  for (let i = 0; i < 20; i++) await wal.appendDurable(record);
  mark(operation);
  for (let i = 0; i < count; i++) await wal.appendDurable(record);
  mark('end');
  await wal.close();
  await file.close();
}

async function repairs(stride) {
  const driver = driverWithBadBlocks(nativeDriver());
  const file = await PmemFile.open(name, { driver, create: true, size: count * stride * PAGE, preallocate: true });
  file.write(new Uint8Array(file.size).fill(7), 0);
  file.persist();
  const ranges = Array.from({ length: count }, (_, i) => ({ offset: i * stride * PAGE, length: PAGE }));
  await driver.list(ranges);
  await file.badBlocks();
  mark(operation);
  const rebuild = ({ length }) => new Uint8Array(length).fill(9);
  const { units } = await file.repair(ranges, { strategy: 'recovery-write', rebuild });
  mark('end');
  const repaired = units.filter(({ outcome }) => outcome === 'cleared').length;
  if (repaired !== count) throw new Error(`${repaired} of ${count} units were repaired`);
  await file.close();
}

if (operation === 'logCommit') await commits();
else await repairs(operation === 'repairAdjoining' ? 1 : 2);
rmSync(directory, { recursive: true });
