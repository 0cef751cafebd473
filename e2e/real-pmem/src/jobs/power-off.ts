/**
 * Zero-ranges that a power cut ends. `work` makes files and calls zero-range on one after the other, until the host
 * kills the machine; `check`, on the same device in the next boot, looks at all of them.
 */
import assert from 'node:assert/strict';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { jobContext, report } from './job-io.js';
import { judgeFile, original, plannedCalls, type PowerOffInput, type WorkReport } from './power-off-plan.js';
import { XfsIo } from './xfs-io.js';
import { mode, ZeroRangeCalls } from './zero-range-calls.js';

const context = jobContext();
const input = context.input as PowerOffInput;
const calls = plannedCalls(input.seed);
const file = (name: string): string => path.join(context.mountPoint, name);
const cloneOf = (name: string): string => `${file(name)}.clone`;

function sync(name: string): void {
  const descriptor = openSync(file(name), 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

async function work(): Promise<void> {
  const xfsIo = new XfsIo();
  const python = new ZeroRangeCalls();
  const say = (value: WorkReport): void => { report(value); };
  for (const [index, { name }] of calls.entries()) {
    writeFileSync(file(name), original);
    sync(name);
    if (context.filesystem !== 'xfs' || index % 3 !== 0) continue;
    assert.equal(await xfsIo.run(cloneOf(name), `reflink ${file(name)}`, ['-f']), 0);
    assert.equal(await xfsIo.run(cloneOf(name), 'fsync'), 0);
  }
  xfsIo.close();
  say({ ready: calls.length });
  for (const [index, { name, offset, length, flags, synced }] of calls.entries()) {
    say({ begin: index });
    assert.equal(await python.fallocate(file(name), mode.zeroRange | flags, offset, length), 0);
    if (synced) sync(name);
    say({ done: index });
  }
  python.close();
}

function check(done: number): void {
  for (const [index, call] of calls.entries()) {
    const state = index <= done ? 'done' : 'open';
    const wrong = judgeFile(call, state, readFileSync(file(call.name)));
    if (wrong !== undefined) report({ name: call.name, wrong: `${wrong} (${state}: ${JSON.stringify(call)})` });
    if (existsSync(cloneOf(call.name)) && !readFileSync(cloneOf(call.name)).equals(original)) {
      report({ name: cloneOf(call.name), wrong: 'is not what was cloned' });
    }
  }
}

if (input.phase === 'work') await work();
else check(input.done);
