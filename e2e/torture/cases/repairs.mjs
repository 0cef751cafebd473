// Repairs beside other processes: what they append, store, resize and open meanwhile.
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { assert, assertCode, makeFile, opener, page, PAGE, readAnew, repairing } from './support.mjs';

const TAIL = { offset: 2 * PAGE, length: 100 };

async function grownFile({ place, startActor }) {
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'log', { pages: 3 });
  const { truncateSync } = await import('node:fs');
  truncateSync(file, 2 * PAGE + 100);
  const actor = await opener(startActor, 'repairer', file);
  await fuse.makeBad(file, 2);
  appendFileSync(file, '');
  // Another process appends at the next page, past the bad one.
  truncateSync(file, 5 * PAGE);
  const other = await opener(startActor, 'other', file);
  await other.ask('write', 3 * PAGE, 2 * PAGE, 2);
  await other.ask('persist', 3 * PAGE, 2 * PAGE);
  await actor.ask('repair', TAIL, 1);
  await actor.ask('close');
  await other.ask('close');
  const bytes = readFileSync(file);
  assert.equal(bytes.length, 5 * PAGE, 'the size');
  assert.ok(
    bytes.subarray(3 * PAGE).every((byte) => byte === 2),
    'what was appended',
  );
  assert.ok(
    bytes.subarray(2 * PAGE, 2 * PAGE + 100).every((byte) => byte === 1),
    'what was repaired',
  );
}

async function grownTmpfsFile({ place, startActor }) {
  const file = await makeFile(await place('tmpfs'), 'log', { pages: 3 });
  const { truncateSync } = await import('node:fs');
  truncateSync(file, 2 * PAGE + 100);
  const actor = await opener(startActor, 'repairer', file);
  appendFileSync(file, Buffer.alloc(20_000, 2));
  await actor.ask('poison', 2 * PAGE, PAGE);
  assertCode(await actor.call('read', 2 * PAGE, 100), 'ERR_PMEM_MEDIA');
  await actor.ask('repair', TAIL, 1);
  await actor.ask('close');
  const bytes = readFileSync(file);
  assert.equal(bytes.length, 2 * PAGE + 100 + 20_000);
  assert.equal(bytes.filter((byte) => byte === 2).length, 20_000, 'what was appended');
  assert.equal(bytes.filter((byte) => byte === 1).length, 2 * PAGE + 100, 'what was there');
}

/** `meanwhile(a)` is something the repairing process does that must not let go of the lock. */
function secondRepair(meanwhile) {
  return async ({ place, startActor }) => {
    const file = await makeFile(await place('xfs'), 'file', { lost: [2, 10] });
    const [a, b] = [await opener(startActor, 'a', file), await opener(startActor, 'b', file)];
    const { end } = await repairing(a, page(10));
    assertCode(await b.call('repair', page(10), 9), 'ERR_PMEM_LOCKED');
    await meanwhile(a);
    assertCode(await b.call('repair', page(10), 9), 'ERR_PMEM_LOCKED');
    assertCode(await b.call('resize', 20 * PAGE), 'ERR_PMEM_LOCKED');
    await a.ask('supply', 7);
    assert.equal((await end).error, undefined);
    await b.ask('repair', page(10), 9);
    await b.ask('write', 10 * PAGE, PAGE, 99);
    await b.ask('persist', 10 * PAGE, PAGE);
    await a.ask('close');
    await b.ask('close');
    assert.equal(await readAnew(startActor, file, page(10)), 99);
    assert.equal(statSync(file).size, 16 * PAGE);
  };
}

async function resizeBesideLosses({ place, startActor }) {
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'file');
  const a = await opener(startActor, 'a', file);
  for (const [name, number] of [
    ['a', 2],
    ['b', 5],
  ]) {
    await fuse.makeBad(file, number);
    const actor = name === 'a' ? a : await opener(startActor, name, file);
    // Another opener has dropped the cached pages.
    const other = await opener(startActor, 'other', file);
    assertCode(await actor.call('read', number * PAGE, 8), 'ERR_PMEM_MEDIA');
    await other.kill();
    await actor.ask('repair', page(number));
    if (name === 'b') await actor.ask('close');
  }
  await a.ask('resize', 20 * PAGE);
  await a.ask('close');
  assert.equal(await readAnew(startActor, file, page(2)), 'ERR_PMEM_LOST');
  assert.equal(await readAnew(startActor, file, page(5)), 'ERR_PMEM_LOST', 'never zeros');
  assert.equal(await readAnew(startActor, file, page(6)), 1);
}

/** B is killed between its durable intent and its write; A, who knows another loss, resizes. */
async function resizeBesideIntent({ place, startActor }) {
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'file', { lost: [2] });
  const a = await opener(startActor, 'a', file);
  await fuse.makeBad(file, 5);
  const b = await opener(startActor, 'b', file);
  assertCode(await b.call('read', 5 * PAGE, 8), 'ERR_PMEM_MEDIA');
  // The journal with the intent gets its name, and nothing else is served meanwhile.
  const rename = await fuse.hold('rename');
  const repair = b.call('repair', page(5), 7);
  await Promise.race([rename.arrived, repair]);
  assertCode(await a.call('resize', 24 * PAGE), 'ERR_PMEM_LOCKED');
  // A process dies when its request is answered.
  const killed = b.kill();
  await fuse.command('release');
  await killed;
  assertCode(await repair, 'died');
  const found = await readAnew(startActor, file, page(5));
  assert.ok([7, 'ERR_PMEM_LOST', 'ERR_PMEM_MEDIA'].includes(found), `page 5 is ${found}`);
  assert.equal(await readAnew(startActor, file, page(2)), 'ERR_PMEM_LOST');
}

/** The page is written, and its intent stays in force: nothing newer is stored that the next open would write over. */
async function unstruckIntent({ place, startActor }) {
  const EIO = 5;
  // The mark is removed first, and then the journal.
  for (const request of ['removexattr', 'unlink']) {
    const fuse = await place('fuse');
    const file = await makeFile(fuse, 'file');
    await fuse.makeBad(file, 5);
    const actor = await opener(startActor, request, file);
    assertCode(await actor.call('read', 5 * PAGE, 8), 'ERR_PMEM_MEDIA');
    await fuse.command('fail', request, EIO, 1000);
    const { error } = await actor.call('repair', page(5), 7);
    const stored = (await actor.call('writeAndPersist', 5 * PAGE, PAGE, 99)).error === undefined;
    if (request === 'removexattr') assert.deepEqual([error?.code, stored], ['ERR_PMEM_REPAIR_FAILED', false]);
    await actor.kill();
    await fuse.command('calm');
    assert.equal(await readAnew(startActor, file, page(5)), stored ? 99 : 7, request);
    const again = await opener(startActor, 'again', file);
    await again.ask('writeAndPersist', 5 * PAGE, PAGE, 98);
    await again.kill();
    assert.equal(await readAnew(startActor, file, page(5)), 98, request);
  }
}

/** A has opened the file while B repairs it; B ends, stores something newer and is gone. A knows the intent alone. */
async function finishedElsewhere({ place, startActor }) {
  for (const kind of ['ext4', 'xfs', 'btrfs', 'tmpfs']) {
    const file = await makeFile(await place(kind), 'file', { lost: [5, 6] });
    const b = await opener(startActor, 'b', file);
    const { end } = await repairing(b, page(5));
    const a = await opener(startActor, 'a', file);
    assertCode(await a.call('read', 5 * PAGE, PAGE), 'ERR_PMEM_LOST');
    await b.ask('supply', 7);
    assert.equal((await end).error, undefined);
    await b.ask('writeAndPersist', 5 * PAGE, PAGE, 99);
    await b.ask('writeAndPersist', 6 * PAGE, PAGE, 98);
    await b.kill();
    assert.equal(await a.ask('read', 5 * PAGE, 2 * PAGE).then(Object.keys).then(String), '98,99', kind);
    await a.ask('repair', { offset: 5 * PAGE, length: 2 * PAGE }, 1);
    await a.ask('resize', 20 * PAGE);
    await a.ask('close');
    assert.equal(await readAnew(startActor, file, page(5)), 99, kind);
    assert.equal(await readAnew(startActor, file, page(6)), 98, kind);
    await a.kill();
  }
}

/** B opens while A's intent is on disk, and A stores something newer before B has the file. */
async function openDuringRepair({ place, startActor }) {
  for (let delayMs = 0; delayMs < 60; delayMs += 20) {
    const fuse = await place('fuse');
    const file = await makeFile(fuse, 'file', { lost: [5] });
    const a = await opener(startActor, 'a', file);
    const { end } = await repairing(a, page(5));
    await fuse.command('slow', 'getxattr', 30, 3);
    const b = startActor('b');
    const opened = b.call('open', file);
    await new Promise((resolve) => {
      setTimeout(resolve, delayMs);
    });
    await a.ask('supply', 7);
    assert.equal((await end).error, undefined);
    await a.ask('write', 5 * PAGE, PAGE, 99);
    await a.ask('persist', 5 * PAGE, PAGE);
    assert.equal((await opened).error, undefined);
    assert.equal(await a.ask('read', 5 * PAGE, PAGE), 99);
    assert.equal(await b.ask('read', 5 * PAGE, PAGE), 99);
    await a.ask('close');
    await b.ask('close');
    assert.equal(await readAnew(startActor, file, page(5)), 99);
  }
}

/** A sparse file is made in no time, and asked for whole. */
async function wholeBigFile({ place, startActor }) {
  const ext4 = await place('ext4');
  const { truncateSync } = await import('node:fs');
  const file = await makeFile(ext4, 'big', { pages: 1 });
  truncateSync(file, 2 ** 28);
  const actor = await opener(startActor, 'repairer', file);
  const whole = await actor.ask('repairAll');
  assert.deepEqual([whole.entries, whole.outcomes], [1, ['healthy']]);
  await actor.ask('resize', 64 * 2 ** 30);
  const { error } = await actor.call('repairAll', 100);
  assert.equal(error?.message, 'stopped', 'an abort is heard');
}

export const repairCases = [
  { name: '02 repair of the tail of a file that another process has made longer', run: grownFile },
  { name: '02 the same on tmpfs', run: grownTmpfsFile },
  {
    name: '03 a second repair, while the first persists over another loss',
    run: secondRepair(async (a) => {
      await a.ask('write', 2 * PAGE, PAGE, 3);
      await a.ask('persist', 2 * PAGE, PAGE);
    }),
  },
  {
    name: '03b a second repair, while the first process reads another loss',
    run: secondRepair(async (a) => {
      assertCode(await a.call('read', 2 * PAGE, 8), 'ERR_PMEM_LOST');
    }),
  },
  { name: "04 a resize beside another process's losses", run: resizeBesideLosses },
  { name: "04 a resize beside another process's intent", run: resizeBesideIntent },
  { name: '10 repair of a whole big file', run: wholeBigFile },
  { name: 'stale: an intent that cannot be struck', run: unstruckIntent },
  { name: 'stale: a repair that another process has finished', run: finishedElsewhere },
  { name: '36 an open during a repair', run: openDuringRepair },
];
