// npm run test:long [-- --seconds 3600] [--seed N] [--folder DIR] [--lives S]
//
// Sixteen writers of a mirrored PageStore for as long as is asked: checkpoints, repairs, scrubs, a restart every S
// seconds (every second one is a kill -9), an oracle that knows what was acknowledged, a watchdog, and percentiles of
// every kind of operation. Needs no root. What takes longer than a second is named, with how much of that the driver's
// calls took, and what went on beside it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Actors } from './actors/actors.mjs';
import { Oracle } from './oracle/oracle.mjs';
import { seedOf } from './random.mjs';
import { Watchdog } from './watchdog.mjs';

const KEYS = 5000;
const LANES = 16;
/** Without one operation that ends. */
const SILENCE_MS = 60_000;
const VERSIONS = 10_000_000;

const { values: asked } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3600' },
    lives: { type: 'string', default: '60' },
    seed: { type: 'string', default: process.env.SAFE_PMEM_SEED ?? String(Date.now() % 1_000_000_000) },
    folder: { type: 'string', default: tmpdir() },
  },
});
const [seconds, lives, seed] = ['seconds', 'lives', 'seed'].map((name) => {
  if (/^\d+$/.test(asked[name])) return Number(asked[name]);
  throw new TypeError(`--${name} must be a number, got '${asked[name]}'`);
});

const folder = mkdtempSync(path.join(asked.folder, 'safe-pmem-long-'));
const oracle = await Oracle.start(folder);
const actors = new Actors(oracle.fifo, 1);
let last = { operations: 0 };
let before = 0;
let hung = false;
const watchdog = new Watchdog({
  limitMs: SILENCE_MS,
  status: () => `${before + last.operations} operations, event loop late by ${last.loopMs ?? 0} ms at most`,
  onHang: (what) => {
    hung = true;
    console.error(`FAILED ${what}; under way: ${(last.underWay ?? []).join(', ')}`);
    void end(1);
  },
});

async function end(code) {
  watchdog.stop();
  await actors.close();
  oracle.stop();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    void end(1);
  });

function listen(actor) {
  last = { operations: 0 };
  actor.onEvent = (event) => {
    if (event.slow !== undefined) {
      const beside = event.underWay.join(', ') || 'nothing';
      console.log(`slow: ${event.slow} took ${event.tookMs} ms, ${event.why}; beside ${beside}`);
      return;
    }
    if (event.operations > last.operations) watchdog.watch(`life ${life}`);
    last = event;
  };
}

console.log(`seed ${seed}, ${seconds} s in ${folder}, ${LANES} writers`);
oracle.begin();
const [location, mirrorLocation] = ['db', 'mirror'].map((name) => path.join(folder, name));
const options = { engine: 'pages', location, mirrorLocation, fifo: oracle.fifo, keys: KEYS, lanes: LANES };
let life = 0;
while (watchdog.elapsed() < seconds && !hung) {
  const actor = actors.start('store');
  life++;
  watchdog.watch(`life ${life}`);
  listen(actor);
  const lived = actor.call('live', 'long', {
    ...options,
    seed: seedOf(seed, life),
    firstVersion: life * VERSIONS + 1,
  });
  await Promise.race([sleep(Math.min(lives, seconds - watchdog.elapsed()) * 1000), actor.exited]);
  if (life % 2 === 1) await actor.call('stop');
  else await actor.kill();
  const { error } = await lived;
  if (error !== undefined && error.code !== 'died')
    oracle.tell('wrong', `life ${life}: ${error.code} ${error.stack ?? error.message}`);
  await actor.kill();
  oracle.tell('dead', 'store');
  before += last.operations;
  console.log(
    `life ${life}, ${life % 2 === 1 ? 'stopped' : 'killed'}: latencies in ms ${JSON.stringify(last.kinds ?? {})}`,
  );
}
const reader = actors.start('reader');
watchdog.watch('the last look');
const looked = await reader.call('live', 'store', { ...options, look: true, seed: 0, firstVersion: 0 });
if (looked.error !== undefined)
  oracle.tell('wrong', `reader: ${looked.error.code} ${looked.error.stack ?? looked.error.message}`);
const { wrong, counts } = await oracle.verdict();
console.log(
  `${life} lives, ${counts.writes} writes and ${counts.looks} looks accounted for, ${wrong.length} findings`,
);
for (const finding of wrong) console.error(finding);
await end(wrong.length === 0 ? 0 : 1);
