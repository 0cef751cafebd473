// docs/internals/mutants.md, made of the record of runs.

const OUTCOMES = ['killed', 'explained', 'survived', 'undecided'];

const INTRODUCTION = `# The score of the mutants

Made by \`npm run mutants\`: do not edit. [How the tests are tested](testing.md#mutants) says what a mutant is. The
numbers are those of the mutants that were tried, each when it was last tried; one that was added or changed since is
not among them. No other page states a number.

- *killed*: a test fails. *survived*: none does.
- *explained*: none does, and scripts/mutants/explained.mjs says why none can.
- *undecided*: a test ran out of time, and no other failed; the machine may have been busy.
`;

export function scorePage({ tests, explorer }) {
  const sections = [INTRODUCTION, `## All tests\n\n${scoreOf(tests)}`];
  if (Object.keys(explorer).length > 0) {
    sections.push(`## The exploration of several openers alone\n\n${scoreOf(explorer)}`);
  }
  return sections.join('\n');
}

function scoreOf(results) {
  const all = Object.entries(results).map(([what, result]) => ({ what, ...result }));
  if (all.length === 0) return 'None was tried yet.\n';
  const areas = groups(all, ({ file }) => areaOf(file));
  const countsOf = (some) => [some.length, ...OUTCOMES.map((outcome) => counted(some, outcome))];
  const rows = [...areas, ['all', all]].map(([area, some]) => [area, ...countsOf(some)]);
  const commits = groups(all, ({ commit, day }) => `\`${commit}\` of ${day}`);
  const left = all.filter(({ outcome }) => outcome === 'survived' || outcome === 'undecided');
  const leftRows = left.map(({ what, file, outcome }) => [what, `\`${file}\``, outcome]);
  return [
    `**${counted(all, 'killed')} of ${all.length} killed.**\n`,
    table(['area', 'tried', ...OUTCOMES], rows),
    table(['commit', 'tried on it'], commits.map(([commit, some]) => [commit, some.length])),
    ...(left.length === 0 ? [] : [table(['not killed', 'file', ''], leftRows)]),
  ].join('\n');
}

function counted(results, wanted) {
  return results.filter(({ outcome }) => outcome === wanted).length;
}

/** `core/src/repair/journal/page.ts` belongs to `core: repair`, `mock/src/machine.ts` to `mock`. */
function areaOf(file) {
  const [, name, folder] = /^packages\/(\w+)\/src\/(?:(\w+)\/)?/.exec(file) ?? [];
  return folder === undefined ? (name ?? file) : `${name}: ${folder}`;
}

function groups(list, keyOf) {
  const found = new Map();
  for (const item of list) found.set(keyOf(item), [...(found.get(keyOf(item)) ?? []), item]);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function table(headings, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return `${[line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
