// Faults by the thousand, and what they leave behind. Needs --expose-gc.
// Arguments: kind (poison, truncation, or errors: truncation met through PmemFile), how many, directory.
import { truncateSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { poison } from '../../fault-injector.mjs';
import { allMappings, mappingsOf, openDescriptors, sigbusBlocked } from './process-state.mjs';
import { report } from './report.mjs';

const [kind, countText, directory] = process.argv.slice(2);
const count = Number(countText);
// Caches, compiled code and heap spaces grow to their size first.
const WARM_UP = Math.max(2000, count / 2);
const SIZE = 8 * PAGE;
const CONTENT = pattern(SIZE);
const driver = nativeDriver();
const target = path.join(directory, 'data');

/** PmemFile touches a poisoned page once; so the page is asked for through the driver, as often as we like. */
async function openRaw() {
  const request = { create: true, sizeBytes: SIZE, readOnly: false, preallocate: false };
  const { file } = await driver.open(target, request);
  file.write(CONTENT, 0);
  return file;
}

async function prepare() {
  if (kind === 'errors') {
    const file = await PmemFile.open(target, { driver, create: true, size: SIZE });
    file.write(CONTENT, 0);
    truncateSync(target, 5 * PAGE);
    const buffer = new Uint8Array(64);
    return {
      file,
      fault(i) {
        try {
          file.read(buffer, 5 * PAGE + (i % PAGE));
        } catch (error) {
          return error.code === 'ERR_PMEM_TRUNCATED' && error.ranges[0].offset === 5 * PAGE + (i % PAGE);
        }
        return false;
      },
    };
  }
  const file = await openRaw();
  if (kind === 'poison') poison(target, 5 * PAGE, PAGE);
  else truncateSync(target, 5 * PAGE);
  const buffer = new Uint8Array(64);
  return {
    file,
    // Loads and stores in turn, at every position of the page.
    fault(i) {
      const position = 5 * PAGE + (i % (PAGE - 64));
      const fault = i % 2 === 0 ? file.read(buffer, position) : file.write(buffer, position);
      return fault !== undefined && fault.position >= 5 * PAGE && fault.position < 6 * PAGE;
    },
  };
}

const { file, fault } = await prepare();

function faults(times) {
  let caught = 0;
  for (let i = 0; i < times; i++) if (fault(i)) caught++;
  return caught;
}

function residentBytes() {
  for (let i = 0; i < 4; i++) globalThis.gc();
  return process.memoryUsage.rss();
}

function state() {
  return { descriptors: openDescriptors(), fileMappings: mappingsOf(target), mappings: allMappings(), bytes: residentBytes() };
}

faults(WARM_UP);
const before = state();
const caught = faults(count);
const after = state();
const healthy = new Uint8Array(5 * PAGE);
file.read(healthy, 0);
await file.close();

report({
  caught,
  descriptors: after.descriptors - before.descriptors,
  fileMappings: [before.fileMappings, after.fileMappings],
  newMappings: after.mappings - before.mappings,
  growthBytes: after.bytes - before.bytes,
  healthy: firstDifference(healthy, CONTENT.subarray(0, 5 * PAGE)) ?? 'right',
  sigbusBlocked: sigbusBlocked(),
});
