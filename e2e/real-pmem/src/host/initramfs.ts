/** The archive that the kernel boots into: busybox, the modules in loading order, and the init script. */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DeviceKind, Filesystem } from '../protocol.js';
import { guestPaths } from '../protocol.js';
import { architectureOf, type Architecture } from './architecture.js';
import { capture, capturePipeline } from './command.js';
import type { BootableKernel } from './bootable-kernel.js';
import { programPath } from './prerequisites.js';
import { SetupError } from './setup-error.js';

/** In loading order. Those marked optional are absent or built in in some series. */
const modules: readonly { readonly name: string; readonly optional?: true; readonly only?: Architecture }[] = [
  { name: 'crc32c_generic', optional: true },
  { name: 'libnvdimm' },
  { name: 'nd_e820', only: 'x64' },
  { name: 'of_pmem', only: 'arm64' },
  { name: 'nfit' },
  { name: 'nd_pmem' },
  { name: 'device_dax' },
  { name: 'dax_pmem' },
  { name: 'ext4' },
  { name: 'xfs' },
  { name: 'dm_mod', optional: true },
  { name: 'virtio_pci' },
  { name: 'virtio_console' },
  { name: '9pnet_virtio' },
  { name: '9p' },
];

export interface GuestConfig {
  /** The repository on the host; the guest sees it read-only. */
  readonly tree: string;
  /** Path of the agent's program inside the tree. */
  readonly agent: string;
  readonly node: string;
  /** The root that the guest's programs have, on the host; undefined for the host's own. */
  readonly userland?: string | undefined;
  readonly initScript: string;
  /** Modules besides the usual ones, in loading order. */
  readonly modules?: readonly string[] | undefined;
  readonly shell?: { readonly filesystem: Filesystem; readonly device: DeviceKind } | undefined;
}

/** Writes the archive to `target`. Needs no root: the kernel makes the device nodes itself. */
export async function buildInitramfs(kernel: BootableKernel, config: GuestConfig, target: string): Promise<void> {
  const root = `${target}.root`;
  await rm(root, { recursive: true, force: true });
  const directories = ['bin', 'dev', 'proc', 'sys', 'host', 'stage/tree', 'safe-pmem/modules'];
  for (const directory of directories) await mkdir(path.join(root, directory), { recursive: true });
  await copyFile(await staticBusybox(config.userland), path.join(root, 'bin', 'busybox'));
  await writeFile(path.join(root, 'init'), await readFile(config.initScript), { mode: 0o755 });
  await writeFile(path.join(root, 'safe-pmem', 'config'), shellVariables(config));
  await placeModules(kernel, path.join(root, 'safe-pmem', 'modules'), config.modules);
  // Not compressed: the guest would have to unpack it at an emulator's speed.
  await capturePipeline('find . -mindepth 1 | sort | "$1" --create --format=newc --owner=0:0 --quiet > "$2"', [programPath('cpio'), target], { cwd: root });
  await rm(root, { recursive: true, force: true });
}

/** Assignments that a POSIX shell reads back unchanged, whatever characters a path has. */
export function shellVariables(config: GuestConfig): string {
  const variables = {
    tree: config.tree,
    agent: config.agent,
    node: config.node,
    userland: config.userland ?? '',
    runtime: guestPaths.runtime,
    shell_filesystem: config.shell?.filesystem ?? '',
    shell_device: config.shell?.device ?? '',
  };
  return Object.entries(variables).map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'\n`).join('');
}

/** The dynamically linked busybox that some machines have cannot start before there is a root filesystem. */
async function staticBusybox(userland: string | undefined): Promise<string> {
  if (userland !== undefined) return path.join(userland, 'usr', 'bin', 'busybox');
  const busybox = programPath('busybox');
  const head = await readFile(busybox);
  if (head.includes('/lib64/ld-linux-x86-64.so.2')) {
    throw new SetupError(`${busybox} is linked dynamically`, 'sudo apt-get install busybox-static');
  }
  return busybox;
}

async function placeModules(kernel: BootableKernel, directory: string, more: readonly string[] = []): Promise<void> {
  const files = new Set<string>();
  for (const { name, optional, only } of modules) {
    if (only !== undefined && only !== architectureOf(kernel.series)) continue;
    for (const file of await dependencies(kernel, name, optional === true)) files.add(file);
  }
  for (const name of more) for (const file of await dependencies(kernel, name, false)) files.add(file);
  const order: string[] = [];
  for (const file of files) {
    const name = path.basename(file).replace(/\.xz$/, '');
    const target = path.join(directory, name);
    if (file.endsWith('.xz')) await capturePipeline('"$1" --decompress --stdout "$2" > "$3"', [programPath('xz'), file, target]);
    else await copyFile(file, target);
    order.push(name);
  }
  await writeFile(path.join(directory, 'order'), order.map((name) => `${name}\n`).join(''));
}

/** Module files to load for one module, dependencies first; none if it is built in. */
async function dependencies(kernel: BootableKernel, name: string, optional: boolean): Promise<string[]> {
  let shown: string;
  try {
    // Without -C the host's own modprobe configuration applies, and ndctl's hides libnvdimm.
    shown = await capture(programPath('modprobe'), ['-C', '/dev/null', '-d', kernel.root, '-S', kernel.release, '--show-depends', name]);
  } catch (cause) {
    if (optional) return [];
    throw new SetupError(`Linux ${kernel.release} has no module ${name}`, undefined, cause);
  }
  return [...shown.matchAll(/^insmod (.+?) *$/gm)].map((match) => match[1] ?? '');
}
