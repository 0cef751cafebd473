// Which test files run which functions of the sources. A mutant inside a function concerns no test that never calls it.
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** A setup file for vitest that appends a line to `report` for each test file: the functions that ran in it. */
export function reachSetup(report) {
  return `import { appendFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { afterAll, expect } from 'vitest';

function start() {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  return session;
}

const session = (globalThis.mutantsReach ??= start());

afterAll(() => {
  session.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error) throw error;
    const reached = [];
    for (const { url, functions } of result) {
      const source = url.match(/packages\\/(core|mock)\\/src\\/[^?]*/)?.[0];
      if (source === undefined) continue;
      for (const { functionName, ranges } of functions) {
        if (ranges[0].count > 0) reached.push(source + ' ' + functionName);
      }
    }
    appendFileSync(${JSON.stringify(report)}, JSON.stringify({ test: expect.getState().testPath, reached }) + '\\n');
  });
});
`;
}

/** Reads such a report: for each function, as \`source name\`, the test files that run it. */
export function readReach(report, folder) {
  const tests = new Map();
  for (const line of readFileSync(report, 'utf8').trim().split('\n')) {
    const { test, reached } = JSON.parse(line);
    for (const place of reached) {
      const found = tests.get(place) ?? tests.set(place, new Set()).get(place);
      found.add(test.slice(folder.length + 1));
    }
  }
  return tests;
}

/** The innermost function with a name around the text, as V8 calls it; undefined outside of any. */
export function functionAround(source, position) {
  const file = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true);
  let name;
  const visit = (node) => {
    if (position < node.getStart(file) || position >= node.getEnd()) return;
    name = nameOf(node) ?? name;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return name;
}

function nameOf(node) {
  if (ts.isGetAccessor(node)) return `get ${node.name.getText()}`;
  if (ts.isSetAccessor(node)) return `set ${node.name.getText()}`;
  if (ts.isConstructorDeclaration(node)) return node.parent.name?.getText();
  if (ts.isMethodDeclaration(node) || ts.isFunctionDeclaration(node)) return node.name?.getText();
  if (!ts.isArrowFunction(node) && !ts.isFunctionExpression(node)) return undefined;
  const { parent } = node;
  const kinds = [ts.isVariableDeclaration, ts.isPropertyAssignment, ts.isPropertyDeclaration];
  return kinds.some((is) => is(parent)) ? parent.name.getText() : undefined;
}
