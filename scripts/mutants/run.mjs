/**
 * Applies each mutant to a copy of the tree, rebuilds what it is in, and runs the tests of core and mock against it.
 * `npm run mutants [-- text]` runs those whose file or description contains the text. Exit code 1 if one survives
 * that `explained` does not name.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explained } from './explained.mjs';
import { mutants } from './list.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'safe-pmem-mutants-'));
const filter = process.argv[2] ?? '';

function prepare() {
  const skipped = /(^|\/)(node_modules|dist|build|binary|coverage|\.nx)$/;
  for (const name of ['package.json', 'tsconfig.base.json', 'tsup.base.ts', 'docs']) cpSync(join(root, name), join(copy, name), { recursive: true });
  for (const name of ['core', 'mock']) {
    cpSync(join(root, 'packages', name), join(copy, 'packages', name), { recursive: true, filter: (path) => !skipped.test(path) });
  }
  // Everything from the real node_modules, except that the packages under test are the copies.
  mkdirSync(join(copy, 'node_modules', '@safe-pmem'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@safe-pmem') symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name));
  }
  for (const name of ['core', 'mock']) symlinkSync(join(copy, 'packages', name), join(copy, 'node_modules', '@safe-pmem', name));
}

function quietly(cwd, ...args) {
  try {
    execFileSync('npx', ['--no-install', ...args], { cwd, stdio: 'pipe', timeout: 180_000 });
    return true;
  } catch {
    return false;
  }
}

function build(name) {
  return quietly(join(copy, 'packages', name), 'tsup', '--no-dts');
}

/** The quick tests first; of the mock's own tests only those that concern what was mutated. */
function testsPass(owner) {
  const mock = join(copy, 'packages', 'mock');
  if (owner === 'core') {
    return (
      quietly(join(copy, 'packages', 'core'), 'vitest', 'run', '--bail', '1') &&
      quietly(mock, 'vitest', 'run', '--bail', '1', 'test/pmem-file', 'test/contract.test.ts')
    );
  }
  return quietly(mock, 'vitest', 'run', '--bail', '1');
}

try {
  prepare();
  if (!build('core') || !build('mock') || !testsPass('core') || !testsPass('mock')) throw new Error('the tests fail without any mutant');
  const survivors = [];
  const chosen = mutants.filter(([file, , , what]) => `${file} ${what}`.includes(filter));
  for (const [i, [file, find, replace, what]] of chosen.entries()) {
    const path = join(copy, file);
    const source = readFileSync(path, 'utf8');
    if (source.split(find).length !== 2) throw new Error(`${file}: '${find}' stands there ${source.split(find).length - 1} times`);
    writeFileSync(path, source.replace(find, () => replace));
    const owner = file.split('/')[1];
    const killed = !build(owner) || !testsPass(owner);
    writeFileSync(path, source);
    build(owner);
    console.log(`${String(i + 1).padStart(3)}/${chosen.length} ${killed ? 'killed  ' : 'SURVIVED'} ${file.replace('packages/', '')}: ${what}`);
    if (!killed) survivors.push(what);
  }
  const unexplained = survivors.filter((what) => !(what in explained));
  console.log(`${chosen.length - survivors.length} of ${chosen.length} mutants killed, ${survivors.length - unexplained.length} explained`);
  for (const what of unexplained) console.error(`no test notices: ${what}`);
  process.exitCode = unexplained.length > 0 ? 1 : 0;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
