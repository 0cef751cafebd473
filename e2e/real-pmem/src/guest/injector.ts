/**
 * The privileged side of the guest, for jobs that run as nobody: poison of the device, and a fresh filesystem. Requests
 * and replies are JSON lines on a unix socket.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { LineSplitter } from '../line-splitter.js';
import type { CommandEnd, FilesystemLayout, InjectorReply, InjectorRequest } from '../protocol.js';
import { guestPaths } from '../protocol.js';
import type { PmemDevice } from './pmem-device.js';

/** Adds sectors to the kernel's bad-block list, and reads it back: the kernel takes the text without a word. */
export function injectPoison(device: PmemDevice, sector: number, count: number): void {
  if (!Number.isSafeInteger(sector) || !Number.isSafeInteger(count) || sector < 0 || count < 1) {
    throw new RangeError(`cannot inject ${count} sectors at ${sector}`);
  }
  writeFileSync(device.badBlocksFile, `${sector} ${count}\n`);
  const listed = readFileSync(device.badBlocksFile, 'utf8').trim().split('\n').map((line) => line.split(' ').map(Number));
  const covered = listed.some(([start = -1, length = 0]) => start <= sector && sector + count <= start + length);
  if (!covered) throw new Error(`the kernel does not list sectors ${sector}+${count} after the injection`);
}

export interface Privileges {
  inject(sector: number, count: number): void;
  freshFilesystem(layout: FilesystemLayout): Promise<void>;
}

async function perform(request: InjectorRequest, privileges: Privileges): Promise<CommandEnd | undefined> {
  switch (request.operation) {
    case 'inject':
      privileges.inject(request.sector, request.count);
      return undefined;
    case 'fresh-filesystem':
      await privileges.freshFilesystem(request);
      return undefined;
    case 'safe-pmem': {
      const argv = [guestPaths.command, ...request.argv];
      const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
      return { status, stdout, stderr };
    }
  }
}

/** Resolves when the socket is open to every user of the guest. */
export function serveInjector(privileges: Privileges): Promise<void> {
  const server = createServer((socket) => {
    // A job that is killed takes its connection with it.
    socket.on('error', () => undefined);
    const lines = new LineSplitter((line) => {
      perform(JSON.parse(line) as InjectorRequest, privileges)
        .then(
          (ended): InjectorReply => (ended === undefined ? { ok: true } : { ok: true, ended }),
          (cause: unknown): InjectorReply => ({ ok: false, error: cause instanceof Error ? cause.message : String(cause) }),
        )
        .then((reply) => socket.write(`${JSON.stringify(reply)}\n`), () => undefined);
    });
    socket.on('data', (chunk: Buffer) => {
      lines.push(chunk);
    });
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(guestPaths.injector, () => {
      chmodSync(guestPaths.injector, 0o666);
      resolve();
    });
  });
}
