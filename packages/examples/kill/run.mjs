// npm run test:kill [-- --kills 1000] [--seed N]
//
// Kills the writer of a log with SIGKILL at random instants, and checks after each kill that no record is lost that it
// has told of, that none is wrong, and that none is there which nobody wrote. What that proves, and what not:
// docs/internals/native-hardening.md.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { randomFrom } from './content.mjs';
import { hear } from './protocol.mjs';

const TMPFS = 0x01021994;
/** Kills of one log, before a new one is made: then the making of it is tried too. */
const LIVES_OF_A_LOG = 10;
/** Milliseconds after a writer begins to open, or has opened, its log: chosen evenly from 0 to this. */
const OPENING_MS = 12;
const WRITING_MS = 25;
const CONTROL_KILLS_MOST = 300;
/** For a writer that says nothing, or a log that cannot be checked. */
const SAFETY_NET_MS = 60_000;

const { values: asked } = parseArgs({
  options: { kills: { type: 'string', default: '1000' }, seed: { type: 'string' } },
});
const seed = Number(asked.seed ?? process.env.SAFE_PMEM_SEED ?? Math.floor(Math.random() * 2 ** 32));
const packageFolder = path.resolve(import.meta.dirname, '..');
/** Writers under way, and folders, of which an interrupted run leaves nothing either. */
const children = new Set();
const temporary = [];

class Log {
  #lives = 0;
  #generation = 0;

  constructor(name, folder, mirrored) {
    this.name = name;
    this.folder = folder;
    this.mirrored = mirrored;
    this.#begin();
  }

  /** Before each life. */
  next() {
    if (this.#lives++ < LIVES_OF_A_LOG) return;
    for (const file of this.paths) rmSync(file, { force: true });
    this.#begin();
  }

  #begin() {
    this.#lives = 1;
    this.#generation++;
    this.told = { opened: false, committed: 0, tryCommit: 0, truncated: 0, tryTruncate: 0 };
    this.paths = ['log', ...(this.mirrored ? ['mirror'] : [])].map((part) =>
      path.join(this.folder, `${this.name}-${this.#generation}-${part}`),
    );
  }
}

/** One writer, from its start to its death. Resolves with the last thing it said. */
function live(log, { mistake, lifeSeed }) {
  const random = randomFrom(lifeSeed);
  const atOpening = random() < 0.3;
  const delayMs = random() * (atOpening ? OPENING_MS : WRITING_MS);
  const request = JSON.stringify({ paths: log.paths, seed: Math.floor(random() * 2 ** 32), mistake });
  const child = spawn(process.execPath, [path.join(packageFolder, 'kill', 'writer.mjs'), request], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  return new Promise((resolve, reject) => {
    let last = 'starting';
    let rest = Buffer.alloc(0);
    let stderr = '';
    let aimed = false;
    const net = setTimeout(() => {
      child.kill('SIGKILL');
    }, SAFETY_NET_MS);
    child.stdout.on('data', (bytes) => {
      rest = hear(Buffer.concat([rest, bytes]), (word, sequence) => {
        last = word;
        if (word === 'opened') log.told.opened = true;
        else if (word !== 'opening') log.told[word] = Math.max(log.told[word], sequence);
        if (!aimed && word === (atOpening ? 'opening' : 'opened')) {
          aimed = true;
          setTimeout(() => {
            child.kill('SIGKILL');
          }, delayMs);
        }
      });
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(net);
      children.delete(child);
      if (signal === 'SIGKILL' && aimed && stderr === '') resolve(last);
      else
        reject(
          new Error(
            `a writer of ${log.name} was not killed: ${aimed ? '' : 'said nothing, '}${signal ?? code}\n${stderr}`,
          ),
        );
    });
  });
}

const phases = { starting: 0, opening: 0, committing: 0, truncating: 0, appending: 0 };
const phaseOf = { starting: 'starting', opening: 'opening', tryCommit: 'committing', tryTruncate: 'truncating' };
const commits = { finished: 0, neverMade: 0 };
let records = 0;

async function killOnce(checkLog, log, options) {
  log.next();
  const before = log.told.committed;
  const last = await live(log, options);
  const { wrong, firstSequence, lastSequence } = await checkLog(log.paths, log.told);
  if (options.mistake === undefined) {
    phases[phaseOf[last] ?? 'appending']++;
    if (last === 'tryCommit') commits[lastSequence > log.told.committed ? 'finished' : 'neverMade']++;
    records += Math.max(0, lastSequence - before);
  }
  // What one reader has found committed, every later one has to find; what was not, nobody has tried.
  Object.assign(log.told, {
    committed: lastSequence,
    tryCommit: lastSequence,
    truncated: firstSequence - 1,
    tryTruncate: firstSequence - 1,
  });
  return wrong.map((what) => `${log.name}, killed while ${last}: ${what}`);
}

/** A writer that is wrong on purpose must be found out, or the silence about the right one would say nothing. */
async function control(checkLog, folder, mistake) {
  const log = new Log(`control-${mistake}`, folder, false);
  for (let kills = 1; kills <= CONTROL_KILLS_MOST; kills++) {
    const wrong = await killOnce(checkLog, log, { mistake, lifeSeed: seed + kills });
    if (wrong.length === 0) continue;
    console.log(`control: a writer that is ${mistake} was found out after ${kills} kills: ${wrong[0]}`);
    return;
  }
  throw new Error(
    `${CONTROL_KILLS_MOST} kills did not find out a writer that is ${mistake}: nothing can be concluded here`,
  );
}

async function killMany(checkLog, logs, kills) {
  const failures = [];
  let next = 0;
  const lane = async (mine) => {
    for (let turn = 0; next < kills && failures.length === 0; turn++) {
      const number = next++;
      failures.push(...(await killOnce(checkLog, mine[turn % mine.length], { lifeSeed: seed + 1000 + number })));
      if (number % 100 === 99) console.log(`${number + 1} kills, ${elapsed()} s`);
    }
  };
  // A log has one writer at a time, so a lane has logs of its own.
  await Promise.all([lane(logs.filter((_, i) => i % 2 === 0)), lane(logs.filter((_, i) => i % 2 === 1))]);
  return failures;
}

const begun = performance.now();
const elapsed = () => Math.round((performance.now() - begun) / 1000);

async function run() {
  const built = ['dist/wal/index.js', '../native/dist/index.js', '../native/build/addon'].find(
    (file) => !existsSync(path.join(packageFolder, file)),
  );
  if (built !== undefined) throw new Error(`cannot run here: packages/examples/${built} is missing: run npm run build`);
  if (!existsSync('/dev/shm') || statfsSync('/dev/shm').type !== TMPFS)
    throw new Error('cannot run here: there is no tmpfs at /dev/shm');
  const { checkLog } = await import('./check-log.mjs');
  const disk = path.join(packageFolder, 'build');
  mkdirSync(disk, { recursive: true });
  for (const parent of [disk, '/dev/shm']) temporary.push(mkdtempSync(path.join(parent, 'safe-pmem-kill-')));
  console.log(`seed ${seed}, ${asked.kills} kills`);
  for (const mistake of ['early', 'reordered']) await control(checkLog, temporary[0], mistake);
  const logs = [
    new Log('disk', temporary[0], false),
    new Log('tmpfs', temporary[1], false),
    new Log('tmpfs-mirrored', temporary[1], true),
    new Log('disk-mirrored', temporary[0], true),
  ];
  return await killMany(checkLog, logs, Number(asked.kills));
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});

let failures;
try {
  failures = await run();
} catch (error) {
  failures = [error.stack];
}
const kills = Object.values(phases).reduce((sum, count) => sum + count, 0);
console.log(`${kills} kills in ${elapsed()} s, by what the writer was doing: ${JSON.stringify(phases)}`);
console.log(
  `${records} records committed; of the commits that were cut off ${commits.finished} had been made and ${commits.neverMade} had not`,
);
console.log(failures.length === 0 ? 'no record lost, none wrong' : `${failures.length} findings`);
for (const failure of failures) console.error(failure);
process.exitCode = failures.length === 0 ? 0 : 1;
