// The same application on real files, with real signals.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { nativeDriver } from '@safe-pmem/native';
import { poisonableDriver, poisonSupport, scratchFolder } from '@safe-pmem/native/testing';
import { Counter, PAGE } from './counter.cjs';

const scratch = scratchFolder();
after(() => { scratch.remove(); });
const support = poisonSupport();
const skip = support.supported ? false : support.reason;

test('a page that raises SIGBUS is repaired from its copy', { skip }, async () => {
  const driver = poisonableDriver(nativeDriver());
  const file = scratch.file('counter');
  const counter = await Counter.open(file, driver);
  await counter.increment();
  driver.poison(file, { offset: 0, length: 1 });
  assert.equal(await counter.value(), 1n);
  assert.equal(await counter.value(), 1n);
  for (const offset of [0, PAGE]) driver.poison(file, { offset, length: 1 });
  await assert.rejects(counter.value(), { code: 'ERR_PMEM_MEDIA' });
  await counter.close();
});
