// npm run explore [-- [AMOUNT] [--seed N] [--workers N] [--only TEXT] [--verbose] [MODULE.ts …]]
//     AMOUNT: --states N, --seconds N or --targets N
// npm run explore -- (--target NAME | --random MODULE.ts:SEED) --replay SCHEDULE
//
// Explores every target of every module, then random ones until there are N states; with --seconds, as many targets
// as there is time for, chosen by the seed; with --targets, N of them, the same on every machine. A failure is printed
// with the line that replays it, and does not stop the rest; the exit code is 1. See README.md in this folder.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { ExplorationRun } from './exploration-run.mjs';
import { findSources, loadModules, root } from './target-modules.mjs';

const { values: asked, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    states: { type: 'string', default: '1000000' },
    seconds: { type: 'string' },
    targets: { type: 'string' },
    seed: { type: 'string', default: process.env.SAFE_PMEM_SEED ?? String(Date.now() % 1_000_000_000) },
    workers: { type: 'string', default: String(availableParallelism()) },
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    target: { type: 'string' },
    random: { type: 'string' },
    replay: { type: 'string' },
  },
});

const modules = await loadModules(positionals.length === 0 ? findSources() : positionals.map((file) => path.resolve(file)));
if (modules.length === 0) throw new TypeError('no module of targets was found');
if (asked.replay === undefined) await explore();
else await replay();

async function replay() {
  const target = asked.random === undefined ? namedTarget() : randomTarget();
  await target.replay(asked.replay);
  console.log(`'${target.name}' passes`);
}

function namedTarget() {
  const target = modules.flatMap(({ targets }) => targets).find(({ name }) => name === asked.target);
  if (target === undefined) throw new TypeError(`there is no target '${asked.target ?? ''}'`);
  return target;
}

function randomTarget() {
  const [name, number] = asked.random.split(':');
  const found = modules.find((module) => module.name === path.relative(root, path.resolve(root, name)));
  if (found?.randomTarget === undefined) throw new TypeError(`'${name}' makes no random targets`);
  return found.randomTarget(Number(number));
}

async function explore() {
  const seed = count('seed');
  const run = new ExplorationRun(modules, {
    ...asked,
    states: count('states'),
    seconds: asked.seconds === undefined ? undefined : count('seconds'),
    targets: asked.targets === undefined ? undefined : count('targets'),
    seed,
  });
  const begun = performance.now();
  await run.go(Math.max(1, count('workers')));
  const seconds = (performance.now() - begun) / 1000;
  const rate = Math.round(run.states / seconds);
  const of = asked.seconds === undefined ? '' : ` of ${run.chosen}`;
  console.log(`\nexplored ${run.states} states of ${run.targets}${of} targets with seed ${seed} in ${Math.round(seconds)} s (${rate} a second)`);
  for (const [kind, states] of [...run.byKind].sort()) console.log(`  ${String(states).padStart(8)} ${kind}`);
  for (const [module, { states, targets }] of [...run.byModule].sort()) {
    console.log(`  ${String(states).padStart(8)} of ${targets} targets of ${module}`);
  }
  console.log(`${run.failures} failures`);
  process.exitCode = run.failures === 0 ? 0 : 1;
}

function count(name) {
  const value = Number(asked[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`--${name} must be a count, got '${asked[name]}'`);
}
