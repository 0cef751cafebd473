/** Circles of imports between source files of one package. Types count: a circle of types is one idea in two files. */
import path from 'node:path';

export function circles(texts) {
  const sources = [...texts.keys()].filter((name) => /^(packages|e2e)\/.*\/src\/.*\.ts$/.test(name));
  const imports = new Map(sources.map((name) => [name, importsOf(name, texts)]));
  const findings = new Map();
  const done = new Set();
  const visit = (name, trail) => {
    const at = trail.indexOf(name);
    if (at >= 0) {
      const circle = trail.slice(at);
      findings.set([...circle].sort().join(), `circle of imports: ${[...circle, name].join(' -> ')}`);
      return;
    }
    if (done.has(name)) return;
    for (const next of imports.get(name) ?? []) visit(next, [...trail, name]);
    done.add(name);
  };
  for (const name of sources) visit(name, []);
  return [...findings.values()];
}

function importsOf(name, texts) {
  const found = [...texts.get(name).matchAll(/^(?:import|export)\b[^;'"]*?from '(\.[^']+)\.js';/gm)];
  return found.map(([, target]) => `${path.posix.join(path.posix.dirname(name), target)}.ts`).filter((target) => texts.has(target));
}
