// An application that is unit-tested on the simulated machine, with Jest, Vitest and node:test: the packed set is installed
// beside the runners into a copy of the project. Needs the build and the binaries.
//
//   npm run test:runners [-- --short]      --short: node:test alone
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';

const root = path.resolve(import.meta.dirname, '..', '..');
const folder = mkdtempSync(path.join(tmpdir(), 'safe-pmem-runners-'));
const project = path.join(folder, 'project');

function run(command, args, cwd) {
  console.log(`> ${command} ${args.join(' ')}`);
  execFileSync(command, args, { cwd, stdio: 'inherit' });
}

try {
  cpSync(path.join(import.meta.dirname, 'project'), project, { recursive: true, filter: (name) => !name.includes('node_modules') });
  const packed = path.join(folder, 'packed');
  mkdirSync(packed);
  for (const name of ['core', 'mock', 'native']) {
    run('npm', ['pack', '--silent', '-w', `@safe-pmem/${name}`, '--pack-destination', packed], root);
  }
  run('npm', ['ci', '--ignore-scripts'], project);
  run('npm', ['install', '--no-save', ...readdirSync(packed).map((file) => path.join(packed, file))], project);
  const runners = process.argv.includes('--short') ? ['node'] : ['jest', 'vitest', 'node'];
  for (const runner of runners) run('npm', ['run', '--silent', `test:${runner}`], project);
  console.log(`runners: ${runners.join(', ')}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
