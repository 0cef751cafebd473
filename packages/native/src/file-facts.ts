/** The facts of an open file: what the addon found, and what the running system adds. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { FileFacts } from '@safe-pmem/core';
import type { OpenedFile } from './binding.js';
import { nameFilesystem } from './filesystem-name.js';
import { keepsInodes } from './inode-numbers.js';

export function factsOf(opened: OpenedFile, readOnly: boolean, bus: FileFacts['bus']): FileFacts {
  const { name: filesystem, remote } = nameFilesystem(opened.filesystemMagic, opened.device);
  return {
    path: opened.path,
    readOnly,
    created: opened.created,
    inode: opened.inode,
    birthTimeNs: opened.birthTimeNs,
    keepsInodes: opened.birthTimeNs === 0n ? keepsInodes(filesystem, opened.device) : undefined,
    ownerId: opened.ownerId,
    groupId: opened.groupId,
    mode: opened.mode,
    modifiedMs: opened.modifiedMs,
    changedMs: opened.changedMs,
    bootedMs: Date.now() - os.uptime() * 1000,
    userId: opened.userId,
    bootId: bootId(),
    device: opened.device,
    filesystem,
    remote,
    dax: opened.dax,
    mapSync: opened.mapSync,
    persistMethod: opened.persistInstruction === 'msync' ? 'msync' : 'cpu-flush',
    persistInstruction: opened.persistInstruction,
    pageBytes: opened.pageBytes,
    // A server's f_bsize is the size of its transfers (wsize, msize), which another mount may change, and no block.
    blockBytes: remote ? opened.pageBytes : opened.blockBytes,
    kernelRelease: os.release(),
    bus,
  };
}

const identities = new Map<string, object>();

/** Returns one object for each filesystem of each device, kept for the life of the process: there are few of them. */
export function identityOf({ device, filesystem, dax }: FileFacts): object {
  const key = `${device} ${filesystem} ${dax ? 'dax' : ''}`;
  const identity = identities.get(key) ?? {};
  identities.set(key, identity);
  return identity;
}

let boot: string | undefined;

/** The kernel's own name for this boot; empty if /proc does not say. */
function bootId(): string {
  try {
    boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    boot = '';
  }
  return boot;
}
