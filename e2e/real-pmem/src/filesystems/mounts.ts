/** Mounts filesystems in the guest, which is thrown away: nothing is unmounted at the end. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const MIB = 2 ** 20;

/** Runs a command that has to succeed; what it said. */
export function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A new folder outside of any filesystem that is tried. */
export function newFolder(name: string): string {
  return mkdtempSync(`/tmp/${name}-`);
}

/** Makes a filesystem in an image file, mounts it, and returns where. */
export function mountImage(kind: string, options = '', sizeMiB = 64): string {
  const folder = newFolder(kind);
  const image = path.join(folder, 'image');
  const place = path.join(folder, 'mounted');
  mkdirSync(place);
  writeFileSync(image, '');
  truncateSync(image, sizeMiB * MIB);
  run(`mkfs.${kind}`, image);
  run('mount', '-t', kind, '-o', `loop${options === '' ? '' : `,${options}`}`, image, place);
  return place;
}

/** The guest's own NFS server, of which it is the client as well. */
export class NfsServer {
  /** The folder that is exported, on the guest's ext4. */
  readonly exported: string;

  constructor(exported: string) {
    this.exported = exported;
    mkdirSync(exported, { recursive: true });
    chmodSync(exported, 0o1777);
    run('mount', '-t', 'tmpfs', 'tmpfs', '/var/lib/nfs');
    for (const name of ['sm', 'sm.bak', 'v4recovery', 'rpc_pipefs', 'nfsdcltrack']) mkdirSync(`/var/lib/nfs/${name}`);
    for (const name of ['etab', 'rmtab']) writeFileSync(`/var/lib/nfs/${name}`, '');
    run('mount', '-t', 'nfsd', 'nfsd', '/proc/fs/nfsd');
    run('rpcbind', '-w');
    run('rpc.statd', '--no-notify');
    this.export('no_root_squash');
    run('rpc.mountd');
    this.start();
  }

  export(squash: 'no_root_squash' | 'root_squash'): void {
    run('exportfs', '-o', `rw,insecure,fsid=0,no_subtree_check,${squash}`, `*:${this.exported}`);
  }

  withdraw(): void {
    run('exportfs', '-ua');
    run('exportfs', '-f');
  }

  start(): void {
    run('rpc.nfsd', '2');
  }

  stop(): void {
    run('rpc.nfsd', '0');
  }

  /** Mounts what is exported: version 3 by its path, version 4 by its root. */
  async mount(options: string): Promise<string> {
    const place = newFolder('nfs');
    const source = options.includes('vers=3') ? `127.0.0.1:${this.exported}` : '127.0.0.1:/';
    for (let tries = 0; ; tries++) {
      try {
        run('mount', '-t', 'nfs', '-o', options, source, place);
        return place;
      } catch (cause) {
        // The server's threads are up a moment after rpc.nfsd has ended.
        if (tries === 5) throw cause;
        await delay(1000);
      }
    }
  }
}
