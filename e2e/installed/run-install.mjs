// Installs the packed set as users do: from a registry, into an empty project, in a root that holds Node and nothing else (no
// shell, no compiler), with every package manager; and uses it there. Needs x86-64 Debian, root, the build and the
// binaries (`npm run build && npm run build:binaries`). What cannot be run here fails, and says what is missing.
//
//   npm run test:install [-- --short | -- <name> ...]      --short: npm and one other
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BUNDLES } from './bundles.mjs';
import { managers, SHORT } from './managers.mjs';
import { startRegistry } from './registry.mjs';
import { cache, makeBareRoot, MissingPrerequisite, requireLinuxTools, root, run, runIn } from './userland.mjs';

const here = import.meta.dirname;
const WORKSPACES = ['core', 'mock', 'native'];
const installed = path.join(here, 'managers', 'node_modules');

/** Packs the packages; npm refuses if the binaries are not all there. */
function pack() {
  const folder = path.join(cache, 'packed');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return WORKSPACES.map((name) => {
    if (!existsSync(path.join(root, 'packages', name, 'dist'))) throw new MissingPrerequisite(`packages/${name} is not built: npm run build`);
    run('npm', ['pack', '--silent', '-w', `@safe-pmem/${name}`, '--pack-destination', folder], { cwd: root });
    const tarball = path.join(folder, readdirSync(folder).find((file) => file.startsWith(`safe-pmem-${name}-`)));
    return { manifest: JSON.parse(readFileSync(path.join(root, 'packages', name, 'package.json'), 'utf8')), tarball };
  });
}

function makeProject(place, packages, { url, files = {} }) {
  const folder = path.join(place, 'home', 'project');
  mkdirSync(folder, { recursive: true });
  const dependencies = Object.fromEntries(packages.map(({ manifest }) => [manifest.name, manifest.version]));
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'user', version: '1.0.0', private: true, type: 'module', dependencies }));
  writeFileSync(path.join(folder, '.npmrc'), `registry=${url}/\n`);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text.replaceAll('REGISTRY', url));
  cpSync(path.join(here, 'programs'), folder, { recursive: true });
  return folder;
}

/** Runs the program in `place` and returns its last line; throws unless every way worked. */
function fiveWays(place, command, at) {
  const output = runIn(place, [...command, '/tmp'], at).trim();
  if (!output.includes('"caught":["guarded read","short read","number","short write","view"]')) throw new Error(output);
  return output.split('\n').at(-1);
}

async function use(manager, packages, url) {
  const place = makeBareRoot(path.join(cache, 'bare-install'), { node: manager.node?.(installed) ?? process.execPath });
  manager.place(place, installed);
  makeProject(place, packages, { url, files: manager.files });
  const env = {
    // Whoever asks for anything but the registry meets a proxy that is not there.
    http_proxy: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9', no_proxy: '127.0.0.1',
    CI: '1', npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false', ...manager.env,
  };
  const at = { cwd: '/home/project', env };
  for (const step of manager.steps) {
    if (step.fresh) rmSync(path.join(place, 'home', 'project', 'node_modules'), { recursive: true, force: true });
    runIn(place, step.command, at);
    console.log(`${manager.name}: ${step.name}: ${fiveWays(place, [...manager.run, 'five-ways.mjs'], at)}`);
  }
  console.log(`${manager.name}: faults: ${runIn(place, [...manager.run, 'faults.mjs'], at).trim().split('\n').at(-1)}`);
  for (const { name, make, needsInstallation } of manager.bundles ? BUNDLES : []) {
    rmSync(path.join(place, 'home', 'bundle'), { recursive: true, force: true });
    const command = await make(place, installed);
    // Only what was bundled is there.
    if (!needsInstallation) renameSync(path.join(place, 'home', 'project'), path.join(place, 'home', 'away'));
    console.log(`${name}: ${fiveWays(place, command, { ...at, cwd: '/tmp' })}`);
    if (!needsInstallation) renameSync(path.join(place, 'home', 'away'), path.join(place, 'home', 'project'));
  }
  rmSync(place, { recursive: true, force: true });
}

async function main() {
  const asked = process.argv.slice(2);
  requireLinuxTools();
  const names = asked.includes('--short') ? SHORT : asked;
  const unknown = names.filter((name) => !managers.some((manager) => manager.name === name));
  if (unknown.length > 0) throw new Error(`no such way: ${unknown.join(', ')}. There are ${managers.map(({ name }) => name).join(', ')}`);
  // Some of the managers want a newer Node than this one, and get it when they are run.
  const install = ['ci', '--ignore-scripts', '--no-workspaces', '--engine-strict=false'];
  if (!existsSync(installed)) run('npm', install, { cwd: path.join(here, 'managers') });
  const packages = pack();
  const registry = await startRegistry(packages);
  const failures = [];
  for (const manager of managers.filter(({ name }) => names.length === 0 || names.includes(name))) {
    try {
      await use(manager, packages, registry.url);
    } catch (error) {
      failures.push(manager.name);
      console.error(`${manager.name}: FAILED\n${error.message}`);
    }
  }
  await registry.stop();
  if (failures.length > 0) throw new Error(`not usable after an installation with ${failures.join(', ')}`);
  console.log('installed: used after every installation');
}

try {
  await main();
} catch (error) {
  console.error(error instanceof MissingPrerequisite ? `cannot run here: ${error.message}` : error.message);
  process.exitCode = 1;
}
