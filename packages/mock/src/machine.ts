/** One simulated machine: kernel rules, device, filesystem, and the observer that may interfere with any operation. */
import { Device } from './hardware/device.js';
import { type BlockPlacement, Filesystem } from './filesystem/filesystem.js';
import { type CrashChooser, choose } from './hardware/crash.js';
import { SimulatedCrash } from './faults/simulated-crash.js';
import { forEachBlock } from './hardware/geometry.js';
import { HOLE, mappedBlock } from './filesystem/block-map.js';
import type { Inode } from './filesystem/inode.js';
import { type KernelRules, kernelRules, type Mount } from './kernel/kernel-profile.js';
import type { CheckedOptions, Placement } from './driver/options.js';
import { ListWatches } from './kernel/list-watches.js';
import { LiveViews } from './kernel/live-views.js';
import { MemoryWatches } from './kernel/memory-watches.js';
import type { MockOperation, OperationEffect, OperationHook, OperationName } from './driver/operation.js';
import { POISON_MARKER } from './kernel/page-table.js';
import type { Process } from './kernel/process.js';
import { Random } from './random.js';
import { atOnce, realTurns, type Turns } from './driver/turns.js';

/** Blocks before the first that a file can own: superblock, logs and the like. */
export const RESERVED_BLOCKS = 16;
/** Time that the machine is down after a power failure. */
const RESTART_MS = 1000;

export class Machine {
  readonly mount: Mount;
  /** Bytes of a page, and of a block of the filesystem. */
  readonly blockBytes: number;
  readonly rules: KernelRules;
  readonly device: Device;
  readonly filesystem: Filesystem;
  readonly random: Random;
  /** Files have extended attributes. */
  readonly keepsAttributes: boolean;
  /** Power failures so far: a file opened in an earlier life is dead. */
  life = 0;
  /** Of the device in this life: what a process has learnt ends with it. */
  identity: object = {};
  /** Operations and steps so far. */
  operations = 0;
  /** The clock that files are stamped with, in milliseconds since 1970. It stands still unless a test moves it. */
  nowMs = 1_700_000_000_000;
  /** When this life began, by the same clock. */
  bootedMs = 1_600_000_000_000;
  /** When asynchronous calls happen. */
  turns: Turns;
  /** Watches of the kernel's list of bad blocks. */
  readonly listWatches = new ListWatches(() => this.turns);
  /** Watches for lost memory. */
  readonly memoryWatches = new MemoryWatches(() => this.turns);
  readonly views: LiveViews;
  /** Files of this machine can be locked. */
  readonly locks: boolean;
  readonly #options: Omit<CheckedOptions, 'bus'>;
  readonly #hooks: OperationHook[];
  #current: Omit<MockOperation, 'index' | 'step'> | undefined;
  /** The process of the running operation. */
  #by: Process | undefined;
  #silent = false;

  constructor(options: Omit<CheckedOptions, 'bus'>) {
    const { kernel, mount, pageBytes, capacityBytes, staleByte, seed, hooks, placement, extendedAttributes } = options;
    this.#options = options;
    this.mount = mount;
    this.blockBytes = pageBytes;
    this.keepsAttributes = extendedAttributes;
    const blocks = Math.floor(capacityBytes / pageBytes);
    this.rules = kernelRules(kernel, mount, pageBytes);
    this.random = new Random(seed);
    const listChanged = (): void => { this.listWatches.tell(); };
    const unlisted = this.rules.poisonedWrite === 'recovery' ? 'held back' : 'forgotten';
    const consumed = options.listsConsumedErrors ? 'listed' : unlisted;
    const { clearable } = mount;
    const all = RESERVED_BLOCKS + blocks;
    this.device = new Device(pageBytes, all, clearable, this.random, staleByte, listChanged, consumed);
    this.views = new LiveViews(this.device.medium);
    const placing = this.#placing(placement);
    this.filesystem = new Filesystem(pageBytes, RESERVED_BLOCKS, blocks, this.rules.spareBlocks, placing);
    this.filesystem.clock = () => this.nowMs;
    this.#hooks = [...hooks];
    this.locks = options.locks;
    this.turns = options.turns ? realTurns : atOnce;
  }

  #placing(placement: Placement | undefined): BlockPlacement | undefined {
    if (placement === undefined) return undefined;
    return (inode, logical) => {
      const deviceOffset = placement({ path: this.filesystem.pathOf(inode), offset: logical * this.blockBytes });
      return deviceOffset === undefined ? undefined : Math.floor(deviceOffset / this.blockBytes);
    };
  }

  /** False if no observer watches, so that loads and stores need not describe themselves. */
  get observed(): boolean {
    return this.#hooks.length > 0;
  }

  /** Adds an observer; the returned function removes it. */
  observe(hook: OperationHook): () => void {
    this.#hooks.push(hook);
    return () => {
      const at = this.#hooks.indexOf(hook);
      if (at >= 0) this.#hooks.splice(at, 1);
    };
  }

  /** Announces an operation. Throws SimulatedCrash if the observer lets power fail, or kills the process. */
  begin(name: OperationName, path: string, position: number, length: number, by?: Process): OperationEffect | undefined {
    const process = by?.name;
    const operation = process === undefined ? { name, path, position, length } : { name, path, position, length, process };
    const { life } = this;
    const effect = this.#announce({ index: ++this.operations, ...operation });
    // The observer may have let another operation happen meanwhile.
    this.#current = operation;
    this.#by = by;
    if (this.life !== life) throw new SimulatedCrash(`power failed before ${name} of '${path}'`);
    if (by?.alive === false) throw killed(by, { index: this.operations, ...operation });
    return effect;
  }

  /** Announces a point inside the running operation at which power can fail. */
  step(step: string): OperationEffect | undefined {
    if (this.#silent) return undefined;
    const index = ++this.operations;
    const current = this.#current;
    if (current === undefined || !this.observed) return undefined;
    const by = this.#by;
    const { life } = this;
    const effect = this.#announce({ ...current, index, step });
    this.#current = current;
    this.#by = by;
    if (this.life !== life) throw new SimulatedCrash(`power failed in ${current.name} of '${current.path}'`);
    // A system call that has begun is not cut short by a signal.
    if (by?.alive === false && isBetweenCalls(step)) throw killed(by, { ...current, index, step });
    return effect;
  }

  /** Runs set-up code that no observer sees and that counts no operation. */
  unobserved<T>(body: () => T): T {
    const silent = this.#silent;
    this.#silent = true;
    try {
      return body();
    } finally {
      this.#silent = silent;
    }
  }

  /** Sets the clock with no time passing: by how much it is moved, forwards or back. */
  setClock(milliseconds: number): void {
    this.nowMs += milliseconds;
    this.bootedMs += milliseconds;
  }

  /** Fails power and starts again. Files that were open are dead; what survives is the chooser's choice. */
  crash(chooser: CrashChooser): void {
    this.life++;
    this.bootedMs = this.nowMs += RESTART_MS;
    this.identity = {};
    this.#current = undefined;
    this.listWatches.endAll();
    this.memoryWatches.endAll();
    this.device.restart();
    const { cache } = this.device;
    if (this.mount.filesystem === 'tmpfs') {
      cache.powerFail(() => 0);
      this.filesystem.removeAll();
      this.filesystem.remount(this.filesystem.log.length);
      return;
    }
    const changes = this.filesystem.log.length;
    this.filesystem.remount(changes === 0 ? 0 : choose(chooser, { kind: 'metadata', alternatives: changes + 1 }));
    const pathOf = new Map(this.filesystem.paths().map((path) => [this.filesystem.find(path)?.number, path]));
    cache.powerFail(({ block, offset, owner, differing }) => {
      if (!this.filesystem.isOwned(block)) return 0;
      const deviceOffset = block * this.blockBytes + offset;
      return choose(chooser, {
        kind: 'line',
        alternatives: 2 ** differing.length,
        path: pathOf.get(owner),
        deviceOffset,
      });
    });
  }

  /** Makes every store and all metadata durable. */
  settle(): void {
    for (const inode of this.filesystem.inodes()) {
      this.device.cache.persistOwner(inode.number);
      inode.protect();
    }
    this.filesystem.commit();
  }

  /** A machine of the same options (without the hooks that were added since), whose disk is a copy of this one's. */
  clone(): Machine {
    const copy = new Machine(this.#options);
    copy.life = this.life;
    copy.nowMs = this.nowMs;
    copy.bootedMs = this.bootedMs;
    copy.random.copyFrom(this.random);
    copy.device.medium.copyFrom(this.device.medium);
    copy.device.known.copyFrom(this.device.known);
    copy.filesystem.copyFrom(this.filesystem);
    return copy;
  }

  /** The chooser that the seed stands for. */
  readonly randomChooser: CrashChooser = (choice) => this.random.below(choice.alternatives);

  /** Poisons bytes of a file wherever they have storage; returns how many blocks that were. */
  poisonFile(inode: Inode, position: number, length: number, listed: boolean, keepMapped: boolean): number {
    let blocks = 0;
    if (!this.rules.persistentMedium) {
      forEachBlock(this.blockBytes, position, length, (page) => {
        blocks++;
        for (const table of inode.mappings) table.set(page, POISON_MARKER);
      });
      return blocks;
    }
    forEachBlock(this.blockBytes, position, length, (logical, offset, step) => {
      const entry = inode.map.at(logical);
      if (entry === HOLE) return;
      blocks++;
      this.poisonBlock(mappedBlock(entry), offset, step, listed);
      if (listed && !keepMapped) inode.invalidate(logical, 1);
    });
    return blocks;
  }

  /** The kernel finds, before anything accesses them, that these bytes of a file are lost. */
  announceFile(inode: Inode, position: number, length: number): void {
    forEachBlock(this.blockBytes, position, length, (logical, offset, step) => {
      const entry = inode.map.at(logical);
      if (entry === HOLE) return;
      this.device.medium.poison.add(mappedBlock(entry), offset, step);
      this.device.touchLatent(mappedBlock(entry), offset, step);
      this.memoryWatches.tell(inode, logical);
    });
  }

  poisonBlock(block: number, offset: number, length: number, listed: boolean): void {
    this.device.medium.poison.add(block, offset, length);
    if (listed) this.device.known.add(block, offset, length);
  }

  #announce(operation: MockOperation): OperationEffect | undefined {
    let effect: OperationEffect | undefined;
    for (const hook of [...this.#hooks]) effect ??= hook(operation);
    if (effect === undefined) return undefined;
    if ('crash' in effect) {
      this.crash(effect.chooser ?? this.randomChooser);
      const where = operation.step === undefined ? operation.name : `${operation.name} (${operation.step})`;
      throw new SimulatedCrash(`power failed at operation ${operation.index}, ${where} of '${operation.path}'`, operation);
    }
    if ('poison' in effect) {
      const inode = this.filesystem.find(operation.path);
      if (inode === undefined || operation.length === 0) return undefined;
      this.poisonFile(inode, operation.position, operation.length, effect.poison === 'listed', false);
      return undefined;
    }
    return effect;
  }
}

/** Steps inside of one system call; the others lie between two. */
const INNER_STEPS: readonly string[] = ['cleared', 'freed'];

/** True for a step between two system calls of one operation: other processes may do something there. */
export function isBetweenCalls(step: string): boolean {
  return !INNER_STEPS.includes(step);
}

function killed(process: Process, operation: MockOperation): SimulatedCrash {
  return new SimulatedCrash(`process '${process.name ?? ''}' was killed before ${operation.name} of '${operation.path}'`, operation);
}
