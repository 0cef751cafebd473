/** Words and references that have no place in the project. */

const RULES = [
  { pattern: /\brows? \d+\b/, why: 'names a table that is not here: say what the row says', only: /\.(ts|mjs|cc|h)$/ },
  { pattern: /\/root\/(?!\.)|\/work\//, why: 'a path of one machine' },
  { pattern: /\bbit[ -]rot\b/i, why: 'the word is "media error"', only: /^(packages|docs)\/.*\.(ts|md)$/ },
  { pattern: /\bbad sectors?\b/i, why: 'the word is "bad block"', only: /^packages\/(core|native|mock)\/src\/.*\.ts$/ },
  // Said once, and not true since short accesses and views touch mapped memory from JavaScript.
  { pattern: /never handed to JavaScript|only on a copying thread/i, why: 'views and windows are mapped memory' },
  { pattern: /\bTODO\b|\bFIXME\b|\bXXX\b/, why: 'do it, or write an issue', only: /\.(ts|mjs|cc|h|md)$/ },
];
const SKIPPED = /^scripts\/tidy\/|package-lock\.json$|^docs\/reference\/glossary\.md$|^packages\/mock\/traces\/|^e2e\/real-pmem\/.*\.json$/;

export function strayWords(texts) {
  const findings = [];
  for (const [name, text] of texts) {
    if (SKIPPED.test(name)) continue;
    for (const { pattern, why, only } of RULES) {
      if (only !== undefined && !only.test(name)) continue;
      for (const [index, line] of text.split('\n').entries()) {
        const word = pattern.exec(line)?.[0];
        if (word !== undefined) findings.push(`${name}:${index + 1}: '${word}': ${why}`);
      }
    }
  }
  return findings;
}
