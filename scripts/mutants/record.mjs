// The outcome of each mutant when it was last tried: scripts/mutants/record.json, one line a mutant, and the page made
// of it. Runs of parts, on one commit or on several, add up here; each result names the commit of its run.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { digestOf, mutants } from './all.mjs';
import { scorePage } from './score-page.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const RECORD = fileURLToPath(new URL('record.json', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/internals/mutants.md', import.meta.url));
/** The files on which a result depends. */
const JUDGED = ['packages/core', 'packages/mock', 'scripts/mutants'];

/** `tests` and `explorer`: a result for each mutant by its name. */
export function readRecord(file = RECORD) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { tests: {}, explorer: {} };
}

/** The newest commit that changed anything that is judged, or why the results would belong to none. */
export function commitNow() {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const judged = ['--', ...JUDGED, ':!scripts/mutants/record.json'];
  const changed = git('status', '--porcelain', ...judged);
  if (changed !== '') return { refusal: `there are changes that are not committed:\n${changed}` };
  const [commit, day] = git('log', '-1', '--format=%h %cs', '--abbrev=10', ...judged).split(' ');
  return { commit, day };
}

/** The results of both, the later one of a mutant that both have tried. */
export function merged(one, other) {
  const ofKind = (kind) => {
    const results = { ...one[kind] };
    for (const [what, result] of Object.entries(other[kind])) {
      if (results[what] === undefined || results[what].at <= result.at) results[what] = result;
    }
    return results;
  };
  return { tests: ofKind('tests'), explorer: ofKind('explorer') };
}

/** Without the results of mutants that are not there any more, or are others now. */
export function current(record) {
  const digests = new Map(mutants.map((mutant) => [mutant.what, digestOf(mutant)]));
  const isCurrent = ([what, { digest }]) => digests.get(what) === digest;
  const ofKind = (kind) => Object.fromEntries(Object.entries(record[kind]).filter(isCurrent));
  return { tests: ofKind('tests'), explorer: ofKind('explorer') };
}

/** Stores the results of one run beside what is there now, and writes the page. */
export function store(results) {
  const record = current(merged(readRecord(), results));
  writeFileSync(RECORD, textOf(record));
  writeFileSync(PAGE, scorePage(record));
}

/** True if the page says what the record holds. */
export function isPageCurrent() {
  return existsSync(PAGE) && readFileSync(PAGE, 'utf8') === scorePage(readRecord());
}

/** One line a mutant, sorted: git merges what two runs have added. */
function textOf(record) {
  const lineOf = ([what, result]) => `    ${JSON.stringify(what)}: ${JSON.stringify(result)}`;
  const linesOf = (results) => Object.entries(results).sort(([a], [b]) => (a < b ? -1 : 1)).map(lineOf).join(',\n');
  return `{\n  "tests": {\n${linesOf(record.tests)}\n  },\n  "explorer": {\n${linesOf(record.explorer)}\n  }\n}\n`;
}
