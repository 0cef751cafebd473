/** Public methods of the classes that everybody uses, whose documentation has no `@example`. */

/** A class may be documented by the interface that it implements: then the interface comes first. */
const PLACES = new Map([
  ['packages/core/src/access/number-reads.ts', 'NumberReads'],
  ['packages/core/src/pmem-file.ts', 'PmemFile'],
  ['packages/core/src/access/view.ts', 'PmemView'],
  ['packages/mock/src/driver/mock-driver.ts', 'MockDriver'],
]);
const METHOD = /^ {2}(?!constructor\b|private\b)(?:static |async |\*|get )*(\[[\w.]+\]|\w+)(?:<\w+>)?\(/gm;

export function missingExamples(texts) {
  const documented = new Set();
  return [...PLACES].flatMap(([name, type]) => {
    const body = new RegExp(`^export (?:class|interface) ${type} [^]*?^}$`, 'm').exec(texts.get(name) ?? '')?.[0];
    if (body === undefined) return [`${name}: has no ${type}, which scripts/tidy/examples.mjs names`];
    return methodsWithout(body, documented).map((method) => `${name}: ${type}.${method}() has no @example`);
  });
}

/** Names of the methods without one; adds those that have one to `documented`. */
function methodsWithout(body, documented) {
  const missing = [];
  for (const { 1: method, index } of body.matchAll(METHOD)) {
    const before = body.slice(0, index).trimEnd();
    const comment = before.endsWith('*/') ? before.slice(before.lastIndexOf('/**')) : '';
    if (comment.includes('@example') || comment.includes('@internal')) documented.add(method);
    else if (!documented.has(method)) missing.push(method);
  }
  return missing;
}
