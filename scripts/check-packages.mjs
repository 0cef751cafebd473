/**
 * Packs the published packages, lets publint and attw look at them, installs them into an empty project, once without a
 * lock file and once from it, and uses them there as ESM and as CJS. Run after `npm run build` and `npm run
 * build:binaries`: what is packed holds the binaries of every platform.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const workspaces = ['core', 'native', 'mock', 'cli'];
/** The command line is an ES module only. */
const ESM_ONLY = /safe-pmem-cli-/;
const project = mkdtempSync(join(tmpdir(), 'safe-pmem-packed-'));

function run(command, args, cwd = root) {
  console.log(`> ${command} ${args.join(' ')}`);
  execFileSync(command, args, { cwd, stdio: 'inherit' });
}

/** The command, its man page and its completion, where `npm install -g` of a distribution would put them. */
function checkCommand(tarballs) {
  const prefix = join(project, 'usr');
  const files = tarballs.map((file) => join(project, file));
  run('npm', ['install', '-g', '--prefix', prefix, '--no-audit', '--no-fund', '--prefer-offline', ...files], project);
  const command = join(prefix, 'bin', 'safe-pmem');
  const page = readFileSync(join(prefix, 'share', 'man', 'man1', 'safe-pmem.1'), 'utf8');
  if (!page.includes('.SH EXIT STATUS')) throw new Error('the man page is not what it should be');
  const completion = execFileSync(command, ['completion', 'bash'], { encoding: 'utf8' });
  const offered = execFileSync('bash', ['--norc', '-c', `${completion}
COMP_WORDS=(safe-pmem sal); COMP_CWORD=1; _safe_pmem; echo "\${COMPREPLY[@]}"`], { encoding: 'utf8' });
  if (offered !== 'salvage\n') throw new Error(`bash offers ${offered}`);
  writeFileSync(join(project, 'healthy'), Buffer.alloc(8192, 1));
  run(command, ['scrub', join(project, 'healthy')], project);
}

const body = `
async function main() {
  const bytes = Buffer.alloc(5);
  const machine = mockDriver({ seed: 1 });
  const simulated = await PmemFile.open('/pmem/file', { driver: machine, create: true, size: 65536 });
  simulated.write(Buffer.from('hello'), 4096);
  simulated.persist();
  machine.poison('/pmem/file', { offset: 4096, length: 1 });
  await simulated.badBlocks();
  try {
    simulated.read(bytes, 4096);
    throw new Error('poison was read');
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    await simulated.repair(error.ranges, { rebuild: (range) => Buffer.alloc(range.length, 'hello') });
  }
  simulated.read(bytes, 4096);
  if (bytes.toString() !== 'hello') throw new Error('repaired to ' + bytes.toString());
  await simulated.close();

  const real = await PmemFile.open(process.argv[2], { driver: nativeDriver(), create: true, size: 65536 });
  real.write(Buffer.from('world'), 60000);
  real.persist(60000, 5);
  real.read(bytes, 60000);
  if (bytes.toString() !== 'world') throw new Error('read ' + bytes.toString());
  await real.close();
  // Loads the other addon; what the kernel says to it is not what is checked here.
  if (typeof poisonSupport().supported !== 'boolean') throw new Error('the helpers for tests are missing');
  if (typeof driverContract !== 'function') throw new Error('the contract is missing');
  console.log(bytes.toString());
}
main().catch((error) => { console.error(error); process.exitCode = 1; });
`;

try {
  for (const name of workspaces) {
    run('npm', ['pack', '--silent', '-w', `@safe-pmem/${name}`, '--pack-destination', project]);
  }
  const tarballs = readdirSync(project).filter((file) => file.endsWith('.tgz'));
  if (tarballs.length !== workspaces.length) throw new Error(`packed ${tarballs.join(', ')}`);
  for (const tarball of tarballs) {
    run('npx', ['--no-install', 'publint', 'run', join(project, tarball), '--strict']);
    const profile = ESM_ONLY.test(tarball) ? ['--profile', 'esm-only'] : [];
    run('npx', ['--no-install', 'attw', join(project, tarball), ...profile]);
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, name: 'user', version: '1.0.0' }));
  // With a lock file npm takes another way, and once ran node-gyp on it.
  run('npm', ['install', '--no-audit', '--no-fund', ...tarballs.map((file) => `./${file}`)], project);
  run('npm', ['ci', '--no-audit', '--no-fund'], project);
  writeFileSync(
    join(project, 'use.mjs'),
    `import { MediaError, PmemFile } from '@safe-pmem/core';
import { driverContract } from '@safe-pmem/core/contract';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import { poisonSupport } from '@safe-pmem/native/testing';
${body}`,
  );
  writeFileSync(
    join(project, 'use.cjs'),
    `const { MediaError, PmemFile } = require('@safe-pmem/core');
const { driverContract } = require('@safe-pmem/core/contract');
const { mockDriver } = require('@safe-pmem/mock');
const { nativeDriver } = require('@safe-pmem/native');
const { poisonSupport } = require('@safe-pmem/native/testing');
${body}`,
  );
  for (const file of ['use.mjs', 'use.cjs']) {
    const data = resolve(project, `${file}.data`);
    run(process.execPath, [file, data], project);
    if (!existsSync(data)) throw new Error(`${file} made no file`);
  }
  checkCommand(tarballs);
  console.log('packages: packed, linted, installed and used as ESM and CJS');
} finally {
  rmSync(project, { recursive: true, force: true });
}
