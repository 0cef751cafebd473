/**
 * Returns the facts that node:fs knows of an open file. A driver that cannot find something out says so: `''`, `0n`,
 * `false`.
 */
import fs from 'node:fs';
import os from 'node:os';
import type { FileFacts } from '@safe-pmem/core';

/** Errors are told apart in pieces of this size. */
const PAGE_BYTES = 4096;

export function factsOf(fd: number, path: string, readOnly: boolean, created: boolean): FileFacts {
  const stat = fs.fstatSync(fd, { bigint: true });
  const { bsize, type } = fs.statfsSync(path);
  return {
    path: fs.realpathSync(path),
    readOnly,
    created,
    inode: stat.ino,
    birthTimeNs: stat.birthtimeNs,
    ownerId: Number(stat.uid),
    groupId: Number(stat.gid),
    mode: Number(stat.mode & 0o777n),
    modifiedMs: Number(stat.mtimeNs) / 1e6,
    changedMs: Number(stat.ctimeNs) / 1e6,
    bootedMs: Date.now() - os.uptime() * 1000,
    userId: process.geteuid?.() ?? 0,
    bootId: bootId(),
    device: deviceName(stat.dev),
    filesystem: `0x${type.toString(16)}`,
    dax: false,
    mapSync: false,
    persistMethod: 'msync',
    persistInstruction: 'fdatasync',
    pageBytes: PAGE_BYTES,
    blockBytes: bsize,
    kernelRelease: os.release(),
  };
}

/** Linux's own for this boot. Empty: core then believes the worst of a repair that was cut off. */
function bootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

/** `MAJOR:MINOR` out of st_dev, as glibc packs them. */
function deviceName(device: bigint): string {
  return `${(device >> 8n) & 0xfffn}:${(device & 0xffn) | ((device >> 12n) & 0xfff00n)}`;
}
