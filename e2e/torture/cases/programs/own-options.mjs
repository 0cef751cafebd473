// What something has put on Object.prototype is no option, and each option is read once. Argument: a folder on tmpfs.
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { plantLosses } from '../../actors/plant-losses.mjs';

const PAGE = 4096;
const LOST = { offset: 2 * PAGE, length: PAGE };
const driver = nativeDriver();
const name = path.join(process.argv[2], 'file');
await plantLosses(name, Buffer.alloc(16 * PAGE, 1), [2, 4]);

const reads = new Map();
/** The same options, each of which tells when it is read, and is another one the second time. */
function counted(options) {
  const told = {};
  for (const [key, value] of Object.entries(options))
    Object.defineProperty(told, key, {
      enumerable: true,
      get: () => {
        reads.set(key, (reads.get(key) ?? 0) + 1);
        return reads.get(key) > 1 ? 'read again' : value;
      },
    });
  return told;
}
const readOnce = () => {
  for (const [key, count] of reads) assert.equal(count, 1, `${key} was read ${count} times`);
  reads.clear();
};

const planted = {
  create: true,
  size: PAGE,
  preallocate: true,
  readOnly: true,
  exclusive: true,
  journal: 'discard',
  hugePages: 'allow',
  fill: 0,
  rebuild: ({ length }) => new Uint8Array(length),
  strategy: 'zero-range',
  allowRelocation: true,
  allowRelease: true,
  signal: globalThis.AbortSignal.abort(),
  bytesPerSecond: 1,
  onProgress: () => assert.fail('onProgress'),
};
Object.assign(Object.prototype, planted);
let outcomes;
try {
  await assert.rejects(PmemFile.open(`${name}-none`, { driver }), { code: 'ERR_PMEM_NOT_FOUND' });
  assert.equal(existsSync(`${name}-none`), false);
  const file = await PmemFile.open(name, counted({ driver, readOnly: false, journal: 'require', exclusive: false }));
  readOnce();
  const bytes = new Uint8Array(PAGE);
  assert.throws(() => { file.read(bytes, LOST.offset); }, { code: 'ERR_PMEM_LOST' }, 'the journal was discarded');
  await file.repair(LOST);
  assert.throws(() => { file.read(bytes, LOST.offset); }, { code: 'ERR_PMEM_LOST' }, 'a fill was taken from elsewhere');
  await file.scrub();
  readOnce();
  const asked = { fill: 7, allowRelocation: false, strategy: 'auto' };
  ({ units: outcomes } = await file.repair(counted(LOST), counted(asked)));
  readOnce();
  await file.resize(20 * PAGE, counted({ preallocate: false }));
  readOnce();
  file.read(bytes, LOST.offset);
  await file.close();
  assert.ok(bytes.every((byte) => byte === 7));
} finally {
  for (const key of Object.keys(planted)) delete Object.prototype[key];
}
assert.equal(outcomes.length, 1);
assert.equal(statSync(name).size, 20 * PAGE);
console.log('own options only, each read once');
