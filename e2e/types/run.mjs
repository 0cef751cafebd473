// Compiles a program against the published declarations with every compiler, kind of module and set of Node's types that a
// user may have, each with and without skipLibCheck. Run after `npm run build`.
//
//   npm run test:types [-- --short | -- <version> ...]      --short: the oldest and the newest compiler, without skipLibCheck
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const here = import.meta.dirname;
const root = path.resolve(here, '..', '..');
const compilers = path.join(here, 'compilers', 'node_modules');
const VERSIONS = ['5.0', '5.4', '5.9', '6.0', '7.0'];
const NODE_TYPES = { 'no types of Node': undefined, 'old types of Node': 'node-types-old', 'new types of Node': 'node-types-new' };
/** The newest types of Node are not for compilers that are older than two years. */
const TOO_OLD_FOR_NEW_TYPES = new Set(['5.0', '5.4']);

/** Settings and the program's file name. `node10` is how CommonJS was resolved before TypeScript 7. */
function kindsFor(version) {
  const commonjs =
    version === '7.0' ? { module: 'CommonJS', moduleResolution: 'Bundler' } : { module: 'CommonJS', moduleResolution: 'Node10' };
  return {
    'NodeNext, ESM': [{ module: 'NodeNext', moduleResolution: 'NodeNext' }, 'use.mts'],
    'NodeNext, CommonJS': [{ module: 'NodeNext', moduleResolution: 'NodeNext' }, 'use.cts'],
    'Bundler': [{ module: 'ESNext', moduleResolution: 'Bundler' }, 'use.ts'],
    'CommonJS': [{ ...commonjs, ...(version === '6.0' ? { ignoreDeprecations: '6.0' } : {}) }, 'commonjs.ts'],
  };
}

function makeProject() {
  const folder = mkdtempSync(path.join(tmpdir(), 'safe-pmem-types-'));
  for (const name of ['core', 'mock', 'native']) {
    const to = path.join(folder, 'node_modules', '@safe-pmem', name);
    for (const part of ['dist', 'package.json']) cpSync(path.join(root, 'packages', name, part), path.join(to, part), { recursive: true });
  }
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  const program = readFileSync(path.join(here, 'use.ts.txt'), 'utf8');
  for (const name of ['use.mts', 'use.cts', 'use.ts']) writeFileSync(path.join(folder, name), program);
  // What knows no "exports" finds the main entry alone.
  const mainOnly = program.replace("import { driverContract } from '@safe-pmem/core/contract';\n", '').replace('driverContract, ', '');
  writeFileSync(path.join(folder, 'commonjs.ts'), mainOnly);
  return folder;
}

function compile(folder, { version, types, settings, file, skipLibCheck }) {
  rmSync(path.join(folder, 'node_modules', '@types'), { recursive: true, force: true });
  if (types !== undefined) {
    mkdirSync(path.join(folder, 'node_modules', '@types'));
    symlinkSync(path.join(compilers, types), path.join(folder, 'node_modules', '@types', 'node'));
  }
  const compilerOptions = {
    ...settings, target: 'ES2022', lib: ['ES2022'], strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true,
    noEmit: true, skipLibCheck, types: types === undefined ? [] : ['node'],
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  const tsc = path.join(compilers, `typescript-${version}`, 'bin', 'tsc');
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  // Types of Node that are older than the compiler have errors of their own.
  const ours = `${stdout}${stderr}`.split('\n').filter((line) => /error TS/.test(line) && !/^[^(]*node-types-/.test(line));
  return status === 0 || ours.length === 0 ? undefined : ours.join('\n');
}

const short = process.argv.includes('--short');
const asked = VERSIONS.filter((version) => process.argv.includes(version));
if (!existsSync(path.join(root, 'packages', 'core', 'dist', 'index.d.ts'))) throw new Error('nothing is built: npm run build');
if (!existsSync(compilers)) {
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-workspaces'], { cwd: path.join(here, 'compilers'), stdio: 'inherit' });
  if (status !== 0) throw new Error('the compilers could not be installed');
}
const folder = makeProject();
let count = 0;
const failures = [];
try {
  for (const version of short ? [VERSIONS[0], VERSIONS.at(-1)] : asked.length > 0 ? asked : VERSIONS) {
    for (const [typesName, types] of Object.entries(NODE_TYPES)) {
      if (types === 'node-types-new' && TOO_OLD_FOR_NEW_TYPES.has(version)) continue;
      for (const [kind, [settings, file]] of Object.entries(kindsFor(version))) {
        for (const skipLibCheck of short ? [false] : [false, true]) {
          const output = compile(folder, { version, types, settings, file, skipLibCheck });
          count += 1;
          if (output !== undefined) failures.push(`TypeScript ${version}, ${typesName}, ${kind}, skipLibCheck ${skipLibCheck}:\n${output}`);
        }
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(failure);
if (failures.length > 0) process.exitCode = 1;
console.log(`types: ${count - failures.length} of ${count} ways to compile work`);
