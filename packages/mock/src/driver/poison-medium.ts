/** Poisons the medium by hand, through a file or by its place on the device, and says where poison is. */
import { type ByteRange, intersectAll } from '@safe-pmem/core';
import { HOLE, mappedBlock } from '../filesystem/block-map.js';
import type { Inode } from '../filesystem/inode.js';
import { blocksIn, forEachBlock } from '../hardware/geometry.js';
import type { Machine } from '../machine.js';
import { checkedCount, checkedRange } from './check.js';

export interface PoisonOptions {
  /** The kernel does not know yet: the bytes are lost, and the first to touch them finds out. */
  readonly latent?: boolean | undefined;
  /**
   * Pages that are mapped already stay mapped and go on working, as measured on a real kernel whose list was added to
   * while the file was mapped. By default they are unmapped, so that the next access fails.
   */
  readonly keepMapped?: boolean | undefined;
  /**
   * The kernel finds the error by itself and announces it to processes that have the page mapped and watch their file;
   * it lists it as well if the machine `listsConsumedErrors`. Without such a process pages stay mapped. The other
   * options do not apply.
   */
  readonly announced?: boolean | undefined;
}

/** Free space of the simulated device; ranges are bytes on the device. */
export interface FreePoolReport {
  readonly freeBytes: number;
  readonly ranges: readonly ByteRange[];
  /** Poison that no file owns: the file that gets the block next inherits it. */
  readonly poisoned: readonly ByteRange[];
}

/** Poisons sectors of `inode`, the file at `resolved`. Throws RangeError if a byte has no storage. */
export function poisonFile(
  machine: Machine, inode: Inode, resolved: string, range: ByteRange, options: PoisonOptions,
): void {
  const { blockBytes } = machine;
  const { offset, length } = checkedRange(range, blocksIn(blockBytes, inode.sizeBytes) * blockBytes, `'${resolved}'`);
  forEachBlock(blockBytes, offset, length, (logical) => {
    if (inode.map.at(logical) !== HOLE || !machine.rules.persistentMedium) return;
    throw new RangeError(`byte ${logical * blockBytes} of '${resolved}' is in a hole, which cannot be poisoned`);
  });
  if (options.announced === true && machine.rules.persistentMedium) {
    machine.announceFile(inode, offset, length);
    return;
  }
  machine.poisonFile(inode, offset, length, options.latent !== true, options.keepMapped === true);
}

/** Poisons sectors of the device, whichever file owns them. */
export function poisonDevice(machine: Machine, range: ByteRange, options: Pick<PoisonOptions, 'latent'>): void {
  if (!machine.rules.persistentMedium) throw new TypeError('tmpfs has no medium to poison');
  const { blockBytes, medium } = machine.device;
  const { offset, length } = checkedRange(range, medium.blockCount * blockBytes, 'the device');
  forEachBlock(blockBytes, offset, length, (block, within, step) => {
    machine.poisonBlock(block, within, step, options.latent !== true);
  });
}

/** Poison of the whole device, known or not. */
export function poisonOf(machine: Machine): readonly ByteRange[] {
  return machine.device.medium.poison.ranges();
}

/** Free space of the device, and the poison in it. */
export function freePoolOf(machine: Machine): FreePoolReport {
  const { pool } = machine.filesystem;
  const ranges = pool.ranges();
  return { freeBytes: pool.freeBytes, ranges, poisoned: intersectAll(ranges, poisonOf(machine)) };
}

/** Returns the place on the device of the byte at `offset` of `inode`; undefined in a hole. */
export function placeOf(machine: Machine, inode: Inode, offset: number): number | undefined {
  const { blockBytes } = machine;
  const entry = inode.map.at(Math.floor(checkedCount(offset, 'offset') / blockBytes));
  return entry === HOLE ? undefined : mappedBlock(entry) * blockBytes + (offset % blockBytes);
}
