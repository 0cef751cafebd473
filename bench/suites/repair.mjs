/** Repair of 10,000 bad pages at once, in files and in engines with a mirror, and reads beside known bad pages. */
import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { damagedLog, damagedStore } from '../engine-repairs.mjs';
import { driverWithBadBlocks } from '../listed-blocks.mjs';
import { nativeProgram } from '../native-program.mjs';
import { directory } from '../place.mjs';
import { race, roundsOf, short } from '../race.mjs';

const PAGE = 4096;
const COUNT = short ? 1000 : 10_000;
const ROUNDS = roundsOf(6);
const raw = nativeProgram('raw-repair');
const rows = [];

const summary = (all) => ({ medianNs: all.sort((a, b) => a - b)[all.length >> 1], fastestNs: all[0] });

async function openFilled(name, driver, size) {
  const file = await PmemFile.open(path.join(directory, name), { driver, create: true, size, preallocate: true });
  const piece = Buffer.alloc(2 ** 20, 7);
  for (let at = 0; at < size; at += piece.length) file.write(piece.subarray(0, Math.min(piece.length, size - at)), at);
  file.persist();
  return file;
}

const content = randomBytes(PAGE);
/** The two ways of repair, by what the kernel can do, and beside each nothing but its system calls. */
const WAYS = [
  { how: 'write', kernelRelease: undefined, suffix: '', baseline: 'pwrite of each page, one fdatasync' },
  {
    how: 'zero-range', kernelRelease: '5.15.0', suffix: ', by zero-range (Linux before 5.19)',
    baseline: 'zero-range and pwrite of each page, one fdatasync',
  },
];
const PLACES = [['each for itself', 2 * PAGE], ['one behind the other', PAGE]];
for (const way of WAYS) for (const [where, stride] of PLACES) rows.push(await repairRow(way, where, stride));

async function repairRow({ how, kernelRelease, suffix, baseline }, where, stride) {
  const ranges = Array.from({ length: COUNT }, (_, i) => ({ offset: i * stride, length: PAGE }));
  const journaled = 'and the bytes in a journal first';
  const safe = 'calls that no safe repair can leave out';
  const times = { 'repair, filled': [], 'repair, rebuilt': [], [baseline]: [], [journaled]: [], [safe]: [] };
  const timed = async (name, options) => {
    const driver = driverWithBadBlocks(nativeDriver(), { kernelRelease });
    const file = await openFilled('repaired', driver, COUNT * stride);
    await driver.list(ranges);
    await file.badBlocks();
    const start = process.hrtime.bigint();
    const { units } = await file.repair(ranges, options);
    times[name].push(Number(process.hrtime.bigint() - start));
    const strategy = how === 'write' ? 'recovery-write' : how;
    const isDone = (unit) => unit.outcome === 'cleared' && unit.strategy === strategy && unit.lost.length === 1;
    const done = units.filter(isDone).length;
    if (done !== COUNT) throw new Error(`${done} of ${COUNT} units were repaired by ${strategy}`);
    await file.close();
    unlinkSync(file.path);
  };
  for (let round = 0; round < ROUNDS; round++) {
    await timed('repair, filled', { fill: 0 });
    await timed('repair, rebuilt', { rebuild: ({ length }) => (length === PAGE ? content : Buffer.alloc(length, content)) });
    const journal = path.join(directory, 'journal');
    // As many pages at a time as repair() takes: 8 MiB.
    for (const [name, options] of [[baseline, []], [journaled, [journal]], [safe, [journal, 2048]]]) {
      const other = await openFilled('rewritten', nativeDriver(), COUNT * stride);
      times[name].push(raw(how, other.path, COUNT, stride, ...options).ns);
      await other.close();
      for (const file of [other.path, ...options.slice(0, 1)]) unlinkSync(file);
    }
  }
  // The first call of all compiles what the others use, and is shown by itself.
  const [first] = times['repair, filled'];
  for (const all of Object.values(times)) all.splice(0, 1);
  return {
    title: `repair of ${COUNT} bad pages, ${where}${suffix}`,
    unit: 'ns',
    baseline,
    times: { ...Object.fromEntries(Object.entries(times).map(([name, all]) => [name, summary(all)])), 'filled, first call': summary([first]) },
  };
}

{
  const baseline = 'pwrite of each page, one fdatasync';
  const engines = { 'log, from its mirror': damagedLog, 'paged store, from its mirror': damagedStore };
  const times = Object.fromEntries([...Object.keys(engines), baseline].map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, damaged] of Object.entries(engines)) {
      const engine = await damaged(COUNT);
      const start = process.hrtime.bigint();
      const repaired = await engine.repair();
      times[name].push(Number(process.hrtime.bigint() - start));
      if (repaired !== COUNT) throw new Error(`${repaired} of ${COUNT} pages of a ${name} were repaired`);
      await engine.close();
      for (const file of engine.paths) unlinkSync(file);
    }
    const other = await openFilled('rewritten', nativeDriver(), COUNT * PAGE);
    times[baseline].push(raw('write', other.path, COUNT, PAGE).ns);
    await other.close();
    unlinkSync(other.path);
  }
  // The first round compiles what the others use.
  for (const all of Object.values(times)) all.splice(0, 1);
  const rowTimes = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, summary(all)]));
  rows.push({ title: `repair of ${COUNT} bad pages of an engine, one behind the other`, unit: 'ns', baseline, times: rowTimes });
}

const reads = {};
const files = [];
for (const known of [0, 10, COUNT]) {
  const driver = driverWithBadBlocks(nativeDriver());
  const file = await openFilled(`known-${known}`, driver, 2 * COUNT * PAGE);
  await driver.list(Array.from({ length: known }, (_, i) => ({ offset: 2 * i * Math.floor(COUNT / known) * PAGE, length: PAGE })));
  await file.badBlocks();
  const bytes = Buffer.alloc(256);
  reads[`with ${known} known bad pages`] = (count) => { for (let i = 0; i < count; i++) file.read(bytes, (1 + 2 * ((i * 7919) % COUNT)) * PAGE + 64); };
  files.push(file);
}
rows.push({ title: 'read of 256 B in a healthy page', unit: 'ns', baseline: 'with 10 known bad pages', times: race(reads, { batch: 5000 }) });
for (const file of files) await file.close();
process.send({ rows, absent: [] });
