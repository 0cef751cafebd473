// npm run mutants [-- [--lanes N] [--from N] [--explorer] [TEXT]]
//
// Applies each mutant to a copy of core and mock and runs their tests against it, until one fails. TEXT: those whose file or
// description contains it; --from goes on with the N-th, after a run that was interrupted. Exit code 1 if a mutant survives
// that `explained` does not name, or if none was tried. --explorer: only those of put-back.mjs, against nothing but the
// exploration of several openers, which goes on for longer where a short one finds nothing.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { coreMutants } from './core-mutants.mjs';
import { explained } from './explained.mjs';
import { ALL_TESTS, EXPLORER_STAGES, Lane } from './lane.mjs';
import { mockMutants } from './mock-mutants.mjs';
import { putBack } from './put-back.mjs';
import { repairMutants } from './repair-mutants.mjs';

const { values: asked, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lanes: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    from: { type: 'string', default: '1' },
    explorer: { type: 'boolean', default: false },
  },
});
const [text = ''] = positionals;
const all = asked.explorer ? putBack : [...coreMutants, ...repairMutants, ...mockMutants];
const stages = asked.explorer ? EXPLORER_STAGES : undefined;
const chosen = all.slice(Number(asked.from) - 1).filter(({ file, what }) => `${file} ${what}`.includes(text));
const strangers = asked.explorer ? [] : Object.keys(explained).filter((name) => !all.some(({ what }) => what === name));
const survivors = [];
const begun = performance.now();
let next = 0;

async function work(lane) {
  while (next < chosen.length) {
    const number = ++next;
    const mutant = chosen[number - 1];
    const killer = await lane.judge(mutant, stages);
    const outcome = killer === undefined ? (mutant.what in explained ? 'explained' : 'SURVIVED ') : 'killed   ';
    if (killer === undefined) survivors.push(mutant);
    const name = `${mutant.file.replace('packages/', '')}: ${mutant.what}`;
    console.log(`${String(number).padStart(3)}/${chosen.length} ${outcome} ${name}${killer === undefined ? '' : `\n            by ${killer}`}`);
  }
}

const lanes = Array.from({ length: Math.max(1, Number(asked.lanes)) }, () => new Lane());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  for (const lane of lanes) lane.dispose();
});
const unprovoked = asked.from === '1' ? await lanes[0].run(stages?.[0] ?? ALL_TESTS) : undefined;
if (unprovoked !== undefined) throw new Error(`the tests fail without any mutant: ${unprovoked}`);
await Promise.all(lanes.map(work));
const unexplained = survivors.filter(({ what }) => !(what in explained));
const seconds = Math.round((performance.now() - begun) / 1000);
console.log(`\n${chosen.length - survivors.length} of ${chosen.length} mutants killed, ${survivors.length - unexplained.length} explained, in ${seconds} s`);
for (const { file, what } of unexplained) console.error(`no test notices: ${file}: ${what}`);
for (const name of strangers) console.error(`explained, but no mutant is called so: ${name}`);
process.exitCode = unexplained.length > 0 || strangers.length > 0 || chosen.length === 0 ? 1 : 0;
