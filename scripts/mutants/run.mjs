// npm run mutants [-- [--part I/N] [--missing] [--lanes N] [--explorer] [TEXT]]
// npm run mutants -- --merge FILE...
//
// Applies each mutant to a copy of core and mock and runs their tests against it, until one fails. Each result is stored
// at once, with its commit, in record.json and in docs/internals/mutants.md, so that parts add up to one score. TEXT:
// those whose file or description contains it; --part 2/8: the second eighth; --missing: those without a result.
// --explorer: only those of put-back.mjs, against nothing but the exploration of several openers, which goes on for
// longer if a short one finds nothing. --merge: takes the results of other clones' record.json. Exit code 1 if a mutant
// survives that `explained` does not name, or if none was tried.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { digestOf, mutants, partOf } from './all.mjs';
import { explained } from './explained.mjs';
import { putBack } from './put-back.mjs';
import { commitNow, current, readRecord, store } from './record.mjs';

const { values: asked, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    part: { type: 'string', default: '1/1' },
    missing: { type: 'boolean', default: false },
    lanes: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    explorer: { type: 'boolean', default: false },
    merge: { type: 'boolean', default: false },
  },
});

if (asked.merge) {
  if (positionals.length === 0) throw new RangeError('--merge needs the record.json of another clone');
  for (const file of positionals) store(readRecord(file));
  process.exit();
}

// Only here: results can be merged in a clone in which nothing is installed.
const { ALL_TESTS, EXPLORER_STAGES, Lane } = await import('./lane.mjs');
const kind = asked.explorer ? 'explorer' : 'tests';
const stages = asked.explorer ? EXPLORER_STAGES : [ALL_TESTS];
const [text = ''] = positionals;
const record = readRecord();
const recorded = current(record)[kind];
const chosen = partOf(asked.explorer ? putBack : mutants, asked.part)
  .filter(({ file, what }) => `${file} ${what}`.includes(text))
  .filter(({ what }) => !asked.missing || recorded[what] === undefined);
const strangers = Object.keys(explained).filter((name) => !mutants.some(({ what }) => what === name));
const { commit, day, refusal } = commitNow();
if (refusal !== undefined) console.log(`not recorded, because ${refusal}`);
/** Beside these the order of the test files is that of the time they take. */
const MOST_LIKELY = 4;
const counts = { killed: 0, explained: 0, survived: 0, undecided: 0 };
const left = [];
const begun = performance.now();
let next = 0;

async function work(lane) {
  while (next < chosen.length) {
    const number = ++next;
    const mutant = chosen[number - 1];
    const { killer, ranOutOfTime } = await lane.judge(mutant, stages, likelyKillers(mutant), learnt);
    const outcome = outcomeOf(mutant, killer, ranOutOfTime);
    counts[outcome]++;
    if (outcome === 'survived' || outcome === 'undecided') left.push({ ...mutant, outcome });
    const name = `${mutant.file.replace('packages/', '')}: ${mutant.what}`;
    const by = killer === undefined ? '' : `\n            by ${killer}`;
    console.log(`${String(number).padStart(3)}/${chosen.length} ${outcome.padEnd(9)} ${name}${by}`);
    if (refusal !== undefined) continue;
    const at = new Date().toISOString();
    // The file of the test that killed it: the next run asks it first, which makes that run several times shorter.
    const killedBy = killer?.match(/^[^:]+\.test\.ts(?=: )/)?.[0];
    const result = { outcome, by: killedBy, file: mutant.file, digest: digestOf(mutant), commit, day, at };
    store({ tests: {}, explorer: {}, [kind]: { [mutant.what]: result } });
  }
}

/** The test file that killed it before; else those that killed most others of the same source. */
function likelyKillers({ what, file }) {
  const results = readRecord().tests;
  if (results[what]?.by !== undefined) return [results[what].by];
  const kills = new Map();
  for (const { by } of Object.values(results).filter((result) => result.file === file && result.by !== undefined)) {
    kills.set(by, (kills.get(by) ?? 0) + 1);
  }
  return [...kills].sort(([, a], [, b]) => b - a).slice(0, MOST_LIKELY).map(([by]) => by);
}

function outcomeOf({ what }, killer, ranOutOfTime) {
  if (killer !== undefined) return 'killed';
  if (what in explained) return 'explained';
  return ranOutOfTime ? 'undecided' : 'survived';
}

const lanes = Array.from({ length: Math.max(1, Number(asked.lanes)) }, () => new Lane());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  for (const lane of lanes) lane.dispose();
});
const learnt = chosen.length === 0 ? {} : await (asked.explorer ? lanes[0].run(stages[0]) : lanes[0].learn(stages[0]));
if (learnt.killer !== undefined) throw new Error(`the tests fail without any mutant: ${learnt.killer}\n${learnt.said}`);
await Promise.all(lanes.map(work));
const seconds = Math.round((performance.now() - begun) / 1000);
console.log(`\n${Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`).join(', ')}, in ${seconds} s`);
for (const { file, what, outcome } of left) console.error(`${outcome}: ${file}: ${what}`);
for (const name of strangers) console.error(`explained, but no mutant is called so: ${name}`);
process.exitCode = left.length > 0 || strangers.length > 0 || chosen.length === 0 ? 1 : 0;
