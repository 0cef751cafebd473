/** Loads and stores through a mapping, and the page faults they take. */
import type { CaughtFault } from '@safe-pmem/core';
import { HOLE, isUnwritten, mappedBlock } from '../filesystem/block-map.js';
import { forEachBlock, hugePageBlocks } from '../hardware/geometry.js';
import type { Inode } from '../filesystem/inode.js';
import type { SignalFacts } from './kernel-profile.js';
import type { Machine } from '../machine.js';
import { ABSENT, entryBlock, entryWritable, POISON_MARKER, presentEntry, ZERO_PAGE } from './page-table.js';
import { isCopiedOnWrite, makeWritable } from './blocks.js';
import { mapHugePage } from './huge-page.js';
import type { Mapping } from './mapping.js';

export function load(
  machine: Machine, mapping: Mapping, target: Uint8Array, position: number,
): CaughtFault | undefined {
  const { device, blockBytes } = machine;
  const { table } = mapping;
  for (let done = 0; done < target.length; ) {
    const at = position + done;
    const offset = at % blockBytes;
    const page = (at - offset) / blockBytes;
    const step = Math.min(blockBytes - offset, target.length - done);
    let entry = table.entry(page);
    if (entry === ABSENT) {
      const signal = faultForLoad(machine, mapping, page);
      if (signal !== undefined) return { position: at, ...signal };
      entry = table.entry(page);
    }
    if (entry === POISON_MARKER) return { position: at, ...machine.rules.machineCheckSignal };
    if (entry === ZERO_PAGE) {
      target.fill(0, done, done + step);
    } else {
      const block = entryBlock(entry);
      if (!device.medium.poison.empty) {
        const fault = machineCheck(machine, mapping, page, block, offset, step);
        if (fault !== undefined) return fault;
      }
      device.medium.copyOut(block, offset, target, done, step);
    }
    done += step;
  }
  return undefined;
}

export function store(
  machine: Machine, mapping: Mapping, source: Uint8Array, position: number,
): CaughtFault | undefined {
  const { device, blockBytes } = machine;
  const { inode, table } = mapping;
  inode.modifiedMs = machine.nowMs;
  inode.changedMs = machine.nowMs;
  for (let done = 0; done < source.length; ) {
    const at = position + done;
    const offset = at % blockBytes;
    const page = (at - offset) / blockBytes;
    const step = Math.min(blockBytes - offset, source.length - done);
    let entry = table.entry(page);
    if (!entryWritable(entry)) {
      if (entry === POISON_MARKER) return { position: at, ...machine.rules.machineCheckSignal };
      const signal = faultForStore(machine, mapping, page, entry);
      if (signal !== undefined) return { position: at, ...signal };
      entry = table.entry(page);
    }
    const block = entryBlock(entry);
    if (!device.medium.poison.empty) {
      const fault = machineCheck(machine, mapping, page, block, offset, step);
      if (fault !== undefined) return fault;
    }
    device.store(block, offset, source, done, step, inode.number);
    done += step;
  }
  return undefined;
}

/** Makes every page that the bytes touch present, as a cache-line flush does: it faults like a load, and reads nothing. */
export function touchPages(
  machine: Machine, mapping: Mapping, position: number, length: number,
): CaughtFault | undefined {
  let fault: CaughtFault | undefined;
  forEachBlock(machine.blockBytes, position, length, (page, _offset, _step, done) => {
    if (fault !== undefined || mapping.table.entry(page) !== ABSENT) return;
    const signal = faultForLoad(machine, mapping, page);
    if (signal !== undefined) fault = { position: position + done, ...signal };
  });
  return fault;
}

function pastEnd(machine: Machine, inode: Inode, page: number): boolean {
  return machine.filesystem.shutDown || page * machine.blockBytes >= inode.sizeBytes;
}

/** Makes an absent page present for loads, or says with which signal that failed. */
function faultForLoad(machine: Machine, mapping: Mapping, page: number): SignalFacts | undefined {
  const { device, rules } = machine;
  const { inode, table } = mapping;
  if (pastEnd(machine, inode, page)) return rules.otherSignal;
  if (mapHugePage(machine, mapping, page, 'load')) return undefined;
  const entry = inode.map.at(page);
  if (entry === HOLE && rules.loadAllocates) return faultForStore(machine, mapping, page, ABSENT);
  if (entry === HOLE || isUnwritten(entry)) {
    table.set(page, ZERO_PAGE);
    inode.mappedPages.addSingle(page);
    return undefined;
  }
  const block = mappedBlock(entry);
  if (device.isKnownBad(block)) return rules.poisonSignal;
  table.set(page, presentEntry(block, false));
  inode.mappedPages.addSingle(page);
  return undefined;
}

/** Makes a page writable, or says with which signal that failed. A store never repairs. */
function faultForStore(machine: Machine, mapping: Mapping, page: number, present: number): SignalFacts | undefined {
  const { device, rules } = machine;
  const { inode, table } = mapping;
  if (pastEnd(machine, inode, page)) return rules.otherSignal;
  if (mapHugePage(machine, mapping, page, 'store')) {
    commitForSync(machine, mapping);
    return undefined;
  }
  table.splitHuge(page);
  const before = inode.map.at(page);
  const plain = before !== HOLE && !isUnwritten(before) && !isCopiedOnWrite(machine, inode, page);
  // On DAX this is a fault like any other, and the list is consulted; a page cache has the page already.
  if (plain && (present === ABSENT || rules.badBlockList) && device.isKnownBad(mappedBlock(before))) return rules.poisonSignal;
  if (!plain) {
    const outcome = makeWritable(machine, inode, page, 1);
    if (outcome.errno !== 0) return rules.otherSignal;
    // Whatever was allocated or zeroed has been cleared; what ext4 had converted before has not.
    if (device.isKnownBad(mappedBlock(inode.map.at(page)))) return rules.poisonSignal;
  }
  commitForSync(machine, mapping);
  table.set(page, presentEntry(mappedBlock(inode.map.at(page)), true));
  inode.mappedPages.addSingle(page);
  return undefined;
}

/** MAP_SYNC: what a fault for a store has changed of the file is durable when it returns. */
function commitForSync({ filesystem }: Machine, mapping: Mapping): void {
  if (mapping.sync && filesystem.log.concerns(mapping.inode.number)) filesystem.commit();
}

/**
 * Returns the fault of touching poison that the kernel did not know of. From then on it does, and the page is unmapped.
 * For a page in 2 MiB that one entry maps, ext4 names the beginning of these, and XFS the byte.
 */
function machineCheck(
  machine: Machine,
  mapping: Mapping,
  page: number,
  block: number,
  offset: number,
  length: number,
): CaughtFault | undefined {
  const { blockBytes, device, rules } = machine;
  const poisonAt = device.touchLatent(block, offset, length);
  if (poisonAt === undefined) return undefined;
  const isHuge = mapping.table.isHuge(page);
  mapping.inode.invalidate(page, 1);
  const position = page * blockBytes + poisonAt;
  if (!isHuge) return { position, ...rules.machineCheckSignal };
  if (rules.keepsHugePoison) device.neverGiveBack(block);
  const hugePages = hugePageBlocks(blockBytes);
  const named = rules.hugeFaultNamesStart ? (page - (page % hugePages)) * blockBytes : position;
  return { position: named, ...rules.machineCheckSignal, granuleLog2: Math.log2(hugePages * blockBytes) };
}

/**
 * True if the block at `position` has no storage: by FIEMAP, or without FIEMAP by SEEK_DATA, which skips unwritten
 * blocks.
 */
export function isHole(machine: Machine, inode: Inode, position: number): boolean {
  if (machine.filesystem.shutDown) return false;
  const entry = inode.map.at(Math.floor(position / machine.blockBytes));
  return entry === HOLE || (!machine.rules.fiemap && isUnwritten(entry));
}
