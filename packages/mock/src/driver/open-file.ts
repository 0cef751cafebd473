/** open(2), and ftruncate and fallocate of a new file. */
import { type CompleteFile, Errno, type FileFacts, type OpenOutcome, type OpenRequest } from '@safe-pmem/core';
import { ADDRESS_SPACE_BYTES } from '../hardware/geometry.js';
import { type Inode, USER_ID } from '../filesystem/inode.js';
import { NAME_BYTES_MAX } from '../kernel/journal.js';
import { preallocate } from '../kernel/fallocate.js';
import { identityOf } from '../kernel/folder.js';
import { truncate } from '../kernel/truncate.js';
import type { Machine } from '../machine.js';
import { DEVICE_ID } from './mock-devices.js';
import { MockFile } from './mock-file.js';
import type { OperationEffect } from './operation.js';
import type { Process } from '../kernel/process.js';

type MockOutcome = OpenOutcome<CompleteFile>;

export function openFile(
  machine: Machine,
  path: string,
  request: OpenRequest,
  bus: FileFacts['bus'],
  process: Process,
): MockOutcome {
  const { filesystem } = machine;
  let effect: OperationEffect | undefined;
  if (machine.observed) effect = machine.begin('open', path, 0, 0, process);
  else machine.operations++;
  if (effect !== undefined && 'errno' in effect) return refused(effect.errno, 'open');
  if (filesystem.shutDown) return refused(Errno.EIO, 'open');
  const errno = pathErrno(machine, path);
  if (errno !== 0) return refused(errno, 'open');
  const existing = filesystem.find(path);
  if (existing === undefined && !request.create) return refused(Errno.ENOENT, 'open');
  if (existing === undefined && !isFolder(machine, path.slice(0, path.lastIndexOf('/')))) {
    return refused(Errno.ENOENT, 'realpath');
  }
  const inode = existing ?? filesystem.create(path);
  const sized = request.create && inode.sizeBytes === 0 && request.sizeBytes !== undefined;
  if (sized) {
    const failure = makeNew(machine, inode, request.sizeBytes, request.preallocate);
    if (failure !== undefined) {
      if (existing === undefined) filesystem.unlink(path);
      else truncate(machine, inode, 0);
      return failure;
    }
  }
  if (inode.sizeBytes > ADDRESS_SPACE_BYTES) return refused(Errno.ENOMEM, 'mmap');
  const facts = factsOf(machine, path, inode, request.readOnly, existing === undefined || sized, bus);
  return { file: new MockFile(machine, inode, facts, process) };
}

/** EISDIR, ENOTDIR or ENAMETOOLONG if no file can be at the path, else 0. */
export function pathErrno(machine: Machine, path: string): number {
  if (Buffer.byteLength(path.slice(path.lastIndexOf('/') + 1)) > NAME_BYTES_MAX) return Errno.ENAMETOOLONG;
  if (machine.filesystem.isDirectory(path)) return Errno.EISDIR;
  const above = machine.filesystem.paths().find((other) => path.startsWith(`${other}/`));
  return above === undefined ? 0 : Errno.ENOTDIR;
}

/** Folders at which a filesystem may be mounted: they exist. Others are made, or hold a file. */
const MOUNT_POINT = /^(?:\/mnt)?(?:\/[^/]*)?$/;

function isFolder(machine: Machine, folder: string): boolean {
  return MOUNT_POINT.test(folder) || machine.filesystem.isDirectory(folder);
}

function makeNew(machine: Machine, inode: Inode, sizeBytes: number, allocated: boolean): MockOutcome | undefined {
  if (sizeBytes > ADDRESS_SPACE_BYTES) return refused(Errno.ENOMEM, 'mmap');
  const errno = truncate(machine, inode, sizeBytes);
  if (errno !== 0) return refused(errno, 'ftruncate');
  const full = allocated ? preallocate(machine, inode, 0, sizeBytes) : 0;
  return full === 0 ? undefined : refused(full, 'fallocate');
}

function factsOf(
  machine: Machine,
  path: string,
  inode: Inode,
  readOnly: boolean,
  created: boolean,
  bus: FileFacts['bus'],
): FileFacts {
  const { filesystem, dax } = machine.mount;
  return {
    path,
    readOnly,
    created,
    ...identityOf(machine, inode),
    ownerId: inode.ownerId,
    groupId: inode.ownerId,
    mode: 0o600,
    modifiedMs: inode.modifiedMs,
    changedMs: inode.changedMs,
    bootedMs: machine.bootedMs,
    userId: USER_ID,
    bootId: `00000000-0000-4000-8000-${machine.life.toString(16).padStart(12, '0')}`,
    device: DEVICE_ID,
    filesystem,
    dax,
    mapSync: dax,
    persistMethod: dax ? 'cpu-flush' : 'msync',
    persistInstruction: dax ? 'clwb' : 'msync',
    pageBytes: machine.blockBytes,
    blockBytes: machine.blockBytes,
    kernelRelease: machine.rules.release,
    bus,
  };
}

function refused(errno: number, syscall: string): MockOutcome {
  return { failure: { errno, syscall } };
}
