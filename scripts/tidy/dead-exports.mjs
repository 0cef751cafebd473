/**
 * Exports that no other file names. What `export *` passes on is public, and so alive. A type may be exported for the
 * sake of a signature in its own file; a function, class or constant may not.
 */
import path from 'node:path';

const SOURCE = /^(packages|e2e)\/.*\.(ts|mts)$/;
const EXPORT = /^export (?:declare |abstract |async )*(const|let|function\*?|class|interface|type|enum) (\w+)/gm;

export function deadExports(texts) {
  const sources = [...texts.keys()].filter((name) => SOURCE.test(name) && !isTest(name) && !name.endsWith('.d.ts'));
  const passedOn = new Set(sources.flatMap((name) => passedOnBy(name, texts.get(name))));
  const words = new Map([...texts].filter(([name]) => /\.(ts|mts|cts|mjs|cjs|js)$/.test(name)).map(([name, text]) =>
    [name, new Set(text.match(/\w+/g))]));
  return sources.flatMap((name) => {
    if (passedOn.has(name) || /(config|vitest\.\w+)\.ts$/.test(name)) return [];
    const text = texts.get(name);
    return [...text.matchAll(EXPORT)].flatMap(([, kind, symbol]) => {
      const isType = kind === 'interface' || kind === 'type';
      if (isType && text.match(new RegExp(`\\b${symbol}\\b`, 'g')).length > 1) return [];
      const isUsed = [...words].some(([other, found]) => other !== name && found.has(symbol));
      return isUsed ? [] : [`${name}: nothing else uses the export ${symbol}`];
    });
  });
}

function isTest(name) {
  return /\/(test|explore|fuzz|kill)\/|\.test\.ts$|\/scripts\//.test(name) && !name.includes('/src/explore/');
}

function passedOnBy(name, text) {
  return [...text.matchAll(/^export (?:type )?\* from '(\.[^']+)\.js';/gm)].map(
    ([, target]) => `${path.posix.join(path.posix.dirname(name), target)}.ts`);
}
