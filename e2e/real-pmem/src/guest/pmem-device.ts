/** The simulated pmem device of the guest: finding it, forgetting its poison, and a filesystem mounted with DAX. */
import {
  chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, realpathSync, writeFileSync, writeSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hugePageBytes } from '@safe-pmem/core/tools';
import type { DeviceKind, Filesystem, FilesystemLayout, GuestFacts } from '../protocol.js';
import { kernelPageBytes } from '../page-bytes.js';
import { guestPaths, mappedSector } from '../protocol.js';
import { RootShell } from './root-shell.js';

const mappedName = 'safe-pmem';
/** DAX wants a filesystem whose blocks are pages. */
const pageBytes = kernelPageBytes();
const hugeBytes = hugePageBytes({ pageBytes });
const driverDirectory = '/sys/bus/nd/drivers/nd_pmem';

export class PmemDevice {
  readonly kind: DeviceKind;
  readonly node = '/dev/pmem0';
  readonly badBlocksFile = '/sys/block/pmem0/badblocks';
  readonly #shell = new RootShell();
  #filesystem: Filesystem | undefined;
  #mapped = false;

  private constructor(kind: DeviceKind) {
    this.kind = kind;
  }

  /** With `keep` the namespace is the one of an earlier boot, which the kernel finds by itself. */
  static async find(kind: DeviceKind, keep = false): Promise<PmemDevice> {
    const device = new PmemDevice(kind);
    // A raw namespace has no struct pages, and a filesystem on it refuses to mount with dax.
    if (kind === 'unclearable' && !keep) await device.#shell.run('ndctl', 'create-namespace', '-f', '-e', 'namespace0.0', '--mode=fsdax', '--map=mem');
    if (!existsSync(device.node)) throw new Error(`the guest has no ${device.node}`);
    return device;
  }

  facts(): GuestFacts {
    const bus = this.#busDirectory();
    return {
      kernelRelease: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
      kernelVersion: readFileSync('/proc/version', 'utf8').trim(),
      provider: readFileSync(path.join(bus, 'provider'), 'utf8').trim(),
      commands: readFileSync(path.join(bus, 'commands'), 'utf8').trim().split(' ').filter((name) => name !== ''),
      deviceSizeBytes: Number(readFileSync('/sys/block/pmem0/size', 'utf8')) * 512,
      deviceAddress: Number(readFileSync('/sys/block/pmem0/device/resource', 'utf8')),
    };
  }

  #busDirectory(): string {
    const parts = realpathSync('/sys/block/pmem0').split('/');
    const bus = parts.findIndex((part) => /^ndbus\d+$/.test(part));
    if (bus < 0) throw new Error(`no nvdimm bus above ${parts.join('/')}`);
    return parts.slice(0, bus + 1).join('/');
  }

  /** Makes a filesystem on the device, mounts it with DAX and lets every user write to it; the mount's options. */
  async mount(filesystem: Filesystem, { hugePages = false, mapped = false }: FilesystemLayout = {}): Promise<string> {
    const node = mapped ? await this.#map() : this.node;
    if (filesystem === 'ext4') {
      const stride = hugeBytes / pageBytes;
      const layout = hugePages ? `nodiscard,stride=${stride},stripe_width=${stride}` : 'nodiscard';
      const blocks = ['-b', String(pageBytes)];
      await this.#shell.run('mke2fs', '-q', '-F', '-t', 'ext4', ...blocks, '-E', layout, '-O', ext4Features, node);
    } else {
      const reflink = `reflink=${this.#reflinkWithDax() ? 1 : 0}`;
      // A log does not fit into the small allocation groups that go with a stripe.
      const layout = hugePages ? ['-d', `su=${hugeBytes},sw=1,agcount=2`] : [];
      await this.#shell.run('mkfs.xfs', '-q', '-f', '-K', '-b', `size=${pageBytes}`, '-m', reflink, ...layout, node);
    }
    const options = await this.#attach(filesystem, node);
    chmodSync(guestPaths.mountPoint, 0o1777);
    return options;
  }

  /** Mounts the filesystem that an earlier boot left, which replays its journal, checks it with its own checker, and mounts it again. */
  async mountAgain(filesystem: Filesystem): Promise<string> {
    await this.#attach(filesystem);
    await this.#shell.run('busybox', 'umount', guestPaths.mountPoint);
    if (filesystem === 'ext4') await this.#shell.run('e2fsck', '-f', '-n', this.node);
    else await this.#shell.run('xfs_repair', '-n', this.node);
    return this.#attach(filesystem);
  }

  /** A dm-linear device over the end of the device; its node. */
  async #map(): Promise<string> {
    const sectors = this.facts().deviceSizeBytes / 512 - mappedSector;
    const table = `0 ${sectors} linear ${this.node} ${mappedSector}`;
    await this.#shell.run('dmsetup', 'create', mappedName, '--table', table);
    await this.#shell.run('dmsetup', 'mknodes');
    this.#mapped = true;
    return `/dev/mapper/${mappedName}`;
  }

  async #attach(filesystem: Filesystem, node = this.node): Promise<string> {
    mkdirSync(guestPaths.mountPoint, { recursive: true });
    await this.#shell.run('busybox', 'mount', '-t', filesystem, '-o', 'dax=always', node, guestPaths.mountPoint);
    this.#filesystem = filesystem;
    return this.#mountOptions(filesystem);
  }

  #mountOptions(filesystem: Filesystem): string {
    const entry = readFileSync('/proc/mounts', 'utf8').split('\n').find((line) => line.includes(` ${guestPaths.mountPoint} ${filesystem} `));
    const options = entry?.split(' ')[3];
    if (options?.split(',').includes('dax=always') !== true) throw new Error(`mounted without dax=always: ${options ?? 'not mounted'}`);
    return options;
  }

  /** XFS has had copy-on-write on DAX since Linux 6.0; before, the two exclude each other. */
  #reflinkWithDax(): boolean {
    return Number(readFileSync('/proc/sys/kernel/osrelease', 'utf8').split('.')[0]) >= 6;
  }

  /** Unmounts, makes the kernel forget every bad block, and mounts a new filesystem of the same kind. */
  async fresh(filesystem = this.#filesystem, layout: FilesystemLayout = {}): Promise<string> {
    if (filesystem === undefined) throw new Error('nothing has been mounted yet');
    if (this.#filesystem !== undefined) await this.#shell.run('busybox', 'umount', guestPaths.mountPoint);
    this.#filesystem = undefined;
    if (this.#mapped) await this.#shell.run('dmsetup', 'remove', mappedName);
    this.#mapped = false;
    if (this.kind === 'clearable') this.#clearPoison();
    if (this.#listed().length > 0) await this.#forgetPoison();
    return this.mount(filesystem, layout);
  }

  /** A write to the block device clears what it covers, where the device can clear; much faster than a new disk. */
  #clearPoison(): void {
    const descriptor = openSync(this.node, 'r+');
    for (const [sector, count] of this.#listed()) {
      const start = Math.floor((sector * 512) / pageBytes) * pageBytes;
      const end = Math.ceil(((sector + count) * 512) / pageBytes) * pageBytes;
      writeSync(descriptor, Buffer.alloc(end - start), 0, end - start, start);
    }
    fsyncSync(descriptor);
    closeSync(descriptor);
  }

  /** The list of a disk lives as long as the disk: the driver makes a new one. */
  async #forgetPoison(): Promise<void> {
    const bound = readdirSync(driverDirectory).filter((name) => /^(namespace|pfn|dax)\d/.test(name));
    for (const device of bound) {
      writeFileSync(path.join(driverDirectory, 'unbind'), device);
      writeFileSync(path.join(driverDirectory, 'bind'), device);
    }
    // Device nodes appear when the kernel gets round to it.
    for (let attempt = 0; !existsSync(this.node); attempt++) {
      if (attempt === 500) throw new Error(`${this.node} did not come back`);
      await delay(10);
    }
    const left = this.#listed().length;
    if (left > 0) throw new Error(`${left} ranges of bad blocks are still listed`);
  }

  /** Sectors and their counts. */
  #listed(): [sector: number, count: number][] {
    const lines = readFileSync(this.badBlocksFile, 'utf8').split('\n').filter((line) => line !== '');
    return lines.map((line) => {
      const [sector = 0, count = 0] = line.split(' ').map(Number);
      return [sector, count];
    });
  }
}

/** Features that mke2fs turns on by default and old kernels do not know. */
const ext4Features = '^orphan_file,^metadata_csum_seed';
