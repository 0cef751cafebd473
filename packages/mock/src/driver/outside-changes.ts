/**
 * Changes that processes outside of the test's program make to files of the machine: unobserved, and durable at once.
 */
import { type ByteRange, Errno } from '@safe-pmem/core';
import { HOLE, mappedBlock } from '../filesystem/block-map.js';
import { Inode } from '../filesystem/inode.js';
import { blocksIn, forEachBlock } from '../hardware/geometry.js';
import { fillHoles } from '../kernel/blocks.js';
import { punchHole } from '../kernel/fallocate.js';
import { linkFile, renameFile } from '../kernel/names.js';
import { pwrite } from '../kernel/pwrite.js';
import { copyFileRange, reflink, unshareRange } from '../kernel/reflink.js';
import { allocateAndGrow, truncate } from '../kernel/truncate.js';
import type { Machine } from '../machine.js';
import { checkedPath, checkedRange } from './check.js';
import { MockSystemError, throwUnless0 } from './mock-system-error.js';
import { pathErrno } from './open-file.js';

export class OutsideChanges {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Returns the file at `path`. Throws MockSystemError ENOENT if there is none. */
  inode(path: string): Inode {
    const inode = this.#machine.filesystem.find(path);
    if (inode === undefined) throw new MockSystemError(Errno.ENOENT, 'open', path);
    return inode;
  }

  /** Creates the file or replaces its content, in extents of `extent` bytes that do not adjoin on the device. */
  writeFile(path: string, content: Uint8Array, extent?: number): void {
    const { blockBytes } = this.#machine;
    const extentBytes = extent ?? Math.max(1, blocksIn(blockBytes, content.length)) * blockBytes;
    if (extentBytes <= 0 || extentBytes % blockBytes !== 0) {
      throw new RangeError(`extentBytes must be a positive multiple of ${blockBytes}, got ${extentBytes}`);
    }
    this.durably(() => {
      const { filesystem } = this.#machine;
      this.#checkParent(path);
      const inode = filesystem.find(path) ?? filesystem.create(path);
      throwUnless0(truncate(this.#machine, inode, 0), 'open', path);
      const spacer = new Inode(0, blockBytes);
      for (let done = 0; done < content.length; done += extentBytes) {
        this.#writeAll(inode, path, content.subarray(done, done + extentBytes), done);
        if (done + extentBytes < content.length) filesystem.allocate(spacer, done / extentBytes, 1);
      }
      filesystem.assignHoles(spacer, 0, spacer.map.endBlock);
      this.#machine.device.cache.persistOwner(inode.number);
    });
  }

  /** Returns the bytes of the file as the medium holds them, poisoned or not. */
  readFile(path: string): Uint8Array {
    const inode = this.inode(path);
    const bytes = new Uint8Array(inode.sizeBytes);
    forEachBlock(this.#machine.blockBytes, 0, bytes.length, (logical, within, step, done) => {
      const entry = inode.map.at(logical);
      if (entry > HOLE) this.#machine.device.medium.copyOut(mappedBlock(entry), within, bytes, done, step);
    });
    return bytes;
  }

  /** Writes into an existing file at `position`; undefined: at its end. */
  overwrite(path: string, content: Uint8Array, position?: number): void {
    this.change(path, (inode, resolved) => {
      this.#writeAll(inode, resolved, content, position ?? inode.sizeBytes);
      this.#machine.device.cache.persistOwner(inode.number);
    });
  }

  truncate(path: string, sizeBytes: number): void {
    this.change(path, (inode, resolved) => {
      throwUnless0(truncate(this.#machine, inode, sizeBytes), 'ftruncate', resolved);
    });
  }

  punch(path: string, range: ByteRange): void {
    this.change(path, (inode, resolved) => {
      const { offset, length } = checkedRange(range, Number.MAX_SAFE_INTEGER, `'${resolved}'`);
      throwUnless0(punchHole(this.#machine, inode, offset, length), 'fallocate', resolved);
    });
  }

  preallocate(path: string, range: ByteRange): void {
    this.change(path, (inode, resolved) => {
      const { offset, length } = checkedRange(range, Number.MAX_SAFE_INTEGER, `'${resolved}'`);
      throwUnless0(allocateAndGrow(this.#machine, inode, offset, length), 'fallocate', resolved);
    });
  }

  reflink(from: string, to: string): void {
    const target = checkedPath(to);
    this.change(from, (inode) => {
      this.#checkParent(target);
      throwUnless0(reflink(this.#machine, inode, target), 'ioctl', target);
    });
  }

  copyRange(from: string, to: string): void {
    const target = checkedPath(to);
    this.change(from, (inode) => {
      this.#checkParent(target);
      throwUnless0(copyFileRange(this.#machine, inode, target), 'copy_file_range', target);
    });
  }

  unshare(path: string, range: ByteRange): void {
    this.change(path, (inode, resolved) => {
      const { blockBytes } = this.#machine;
      const limit = blocksIn(blockBytes, inode.sizeBytes) * blockBytes;
      const { offset, length } = checkedRange(range, limit, `'${resolved}'`);
      throwUnless0(unshareRange(this.#machine, inode, offset, length), 'fallocate', resolved);
    });
  }

  rename(from: string, to: string): void {
    const target = checkedPath(to);
    this.change(from, (_, resolved) => {
      this.#checkParent(target);
      throwUnless0(renameFile(this.#machine, resolved, target), 'rename', resolved);
    });
  }

  link(from: string, to: string): void {
    const target = checkedPath(to);
    this.change(from, (_, resolved) => {
      this.#checkParent(target);
      throwUnless0(linkFile(this.#machine, resolved, target), 'link', target);
    });
  }

  unlink(path: string): void {
    this.change(path, (_, resolved) => {
      this.#machine.filesystem.unlink(resolved);
    });
  }

  makeDirectory(path: string): void {
    this.durably(() => {
      if (this.#machine.filesystem.find(path) !== undefined) throw new MockSystemError(Errno.EEXIST, 'mkdir', path);
      this.#checkParent(path);
      this.#machine.filesystem.makeDirectory(path);
    });
  }

  /** Makes a file of a free name that takes all space but `leaveBytes`. Returns its path. */
  exhaust(leaveBytes: number): string {
    let path = '/filler';
    for (let i = 2; this.#machine.filesystem.find(path) !== undefined; i++) path = `/filler-${i}`;
    this.durably(() => {
      const { blockBytes, filesystem } = this.#machine;
      const blocks = Math.max(0, filesystem.availableBlocks - Math.ceil(leaveBytes / blockBytes));
      const inode = filesystem.create(path);
      throwUnless0(fillHoles(this.#machine, inode, 0, blocks), 'fallocate', path);
      filesystem.setSize(inode, blocks * blockBytes);
    });
    return path;
  }

  setModifiedTime(path: string, modifiedMs: number): void {
    this.change(path, (inode) => {
      inode.modifiedMs = modifiedMs;
      inode.changedMs = this.#machine.nowMs;
    });
  }

  /** From now on all files together can get `leaveBytes` more. */
  setQuota(leaveBytes: number): void {
    const { blockBytes, filesystem } = this.#machine;
    filesystem.quotaBlocks = filesystem.usedBlocks + Math.floor(leaveBytes / blockBytes);
  }

  /** Runs `body` on an existing file as durably() does. */
  change(path: string, body: (inode: Inode, resolved: string) => void): void {
    const resolved = checkedPath(path);
    const inode = this.inode(resolved);
    this.durably(() => {
      body(inode, resolved);
    });
  }

  /** Runs `body` as if it happened a while after what came before and a while before what comes next. */
  durably(body: () => void): void {
    const { log } = this.#machine.filesystem;
    log.commit();
    try {
      this.#machine.unobserved(body);
    } finally {
      log.commit();
    }
  }

  #writeAll(inode: Inode, path: string, bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      const { transferredBytes, errno } = pwrite(this.#machine, inode, bytes.subarray(done), position + done);
      throwUnless0(errno, 'pwrite', path);
      done += transferredBytes;
    }
  }

  #checkParent(path: string): void {
    throwUnless0(pathErrno(this.#machine, path), 'open', path);
  }
}
