/** Words that make a sentence hard to read: no area of the tree gets more of them than plain-words.json says it has. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const PROSE = /\.(ts|mts|cts|mjs|cjs|js|cc|h|sh|md)$/;
// Pages made of recordings, and this rule itself.
const SKIPPED = /^scripts\/tidy\/|^docs\/reference\/(kernel-matrix|memory-errors)\.md$|\/traces\/|^CHANGELOG\.md$/;

/** Words after which "where" is a condition, and no place. */
const BEFORE_WHERE = [
  'undefined', 'nullptr', 'true', 'false', 'also', 'only', 'except', 'even', 'none', 'empty', 'throws', 'rejects',
  'fails', 'ERR_[A-Z_]+', '[A-Z]\\w*Error',
];

/** Each with the plain way to say it. */
const RULES = {
  nobody: { pattern: /\bnobody\b/gi, plainly: 'say which program, file or reader does not' },
  somebody: { pattern: /\bsomebody\b/gi, plainly: 'say who: another process, a user, the caller' },
  whoever: { pattern: /\bwhoever\b|\b(?:every|any)body\b/gi, plainly: 'say who: every user, the caller that …' },
  anew: { pattern: /\banew\b/gi, plainly: 'again' },
  'where for if': {
    pattern: new RegExp(`\\b(?:${BEFORE_WHERE.join('|')}) where\\b`, 'gi'),
    plainly: '"if" is a condition, "where" a place',
  },
  'a docstring that begins with a question': {
    pattern: /\/\*\*(?:\s*\n\s*\*)? (?:What|Who|Whose|How|Where|Whether|Which) (?!.*\?)/g,
    plainly: 'begin with a verb, or with the thing itself',
  },
};

/** `packages/core/src`, `docs`, `e2e/torture`: large enough that a file may move within it. */
function areaOf(name) {
  const folders = path.dirname(name).split('/');
  const depth = { packages: 3, e2e: 2 }[folders[0]] ?? 1;
  return folders.slice(0, depth).join('/');
}

function countAll(texts) {
  const counts = {};
  for (const [name, text] of [...texts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!PROSE.test(name) || SKIPPED.test(name)) continue;
    for (const [rule, { pattern }] of Object.entries(RULES)) {
      const count = text.match(pattern)?.length ?? 0;
      if (count === 0) continue;
      const area = (counts[areaOf(name)] ??= {});
      area[rule] = (area[rule] ?? 0) + count;
    }
  }
  return counts;
}

const PLACES_SHOWN = 12;

/** Names the lines, so that they need not be searched for. */
function placesOf(texts, area, rule) {
  const lines = [];
  for (const [name, text] of texts) {
    if (areaOf(name) !== area || !PROSE.test(name) || SKIPPED.test(name)) continue;
    for (const { index } of text.matchAll(RULES[rule].pattern)) {
      lines.push(`${name}:${text.slice(0, index).split('\n').length}`);
    }
  }
  const more = lines.length - PLACES_SHOWN;
  return `${lines.slice(0, PLACES_SHOWN).join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}

export function hardWords(root, texts, accept) {
  const store = path.join(root, 'scripts/tidy/plain-words.json');
  const allowed = existsSync(store) ? JSON.parse(readFileSync(store, 'utf8')) : {};
  const counts = countAll(texts);
  if (accept) {
    writeFileSync(store, `${JSON.stringify(counts, null, 2)}\n`);
    return [];
  }
  return Object.entries(counts).flatMap(([area, found]) =>
    Object.entries(found)
      .filter(([rule, count]) => count > (allowed[area]?.[rule] ?? 0))
      .map(([rule, count]) => {
        const most = allowed[area]?.[rule] ?? 0;
        const places = placesOf(texts, area, rule);
        return `${area}: '${rule}' ${count} times, ${most} may be: ${RULES[rule].plainly}: ${places}`;
      }),
  );
}
