/** The driver that a test opens files with, and the levers by which the test moves the machine under them. */
import {
  type ByteRange,
  type CompleteFile,
  type DeviceDriver,
  type Driver,
  Errno,
  type FileFacts,
  type OpenOutcome,
  type OpenRequest,
} from '@safe-pmem/core';
import { type CrashChooser, keepAll, loseAll } from '../hardware/crash.js';
import { Process } from '../kernel/process.js';
import { Machine } from '../machine.js';
import { checkedBytes, checkedCount, checkedInteger, checkedPath } from './check.js';
import { noteMachine } from './machine-of.js';
import { MockDevices } from './mock-devices.js';
import { MockProcess } from './mock-process.js';
import { throwUnless0 } from './mock-system-error.js';
import { openFile } from './open-file.js';
import type { OperationHook } from './operation.js';
import { checkOptions, type MockOptions } from './options.js';
import { OutsideChanges } from './outside-changes.js';
import {
  type FreePoolReport, freePoolOf, placeOf, poisonDevice, poisonFile, type PoisonOptions, poisonOf,
} from './poison-medium.js';

/**
 * A simulated machine. Files are opened through PmemFile as on a real one; the other methods are the test's own hand
 * on the machine, and no observer sees them. Those that change files make their change durable at once, and with it all
 * metadata before it; `poison` makes nothing durable.
 *
 * @example
 * const driver = mockDriver();
 * const file = await PmemFile.open('/pmem/app.db', { driver, size: 65536, create: true });
 * driver.poison('/pmem/app.db', { offset: 4096, length: 64 });
 * assert.throws(() => file.read(new Uint8Array(16), 4096), MediaError);
 */
export class MockDriver implements Driver<CompleteFile> {
  readonly name = 'mock';
  readonly devices: DeviceDriver;
  readonly #machine: Machine;
  readonly #bus: FileFacts['bus'];
  readonly #self = new Process(undefined);
  readonly #processes = new Map<string, MockProcess>();
  readonly #outside: OutsideChanges;

  /** Use mockDriver(). */
  constructor(machine: Machine, bus: FileFacts['bus']) {
    this.#machine = machine;
    this.#bus = bus;
    this.devices = new MockDevices(machine, bus, this.#self);
    this.#outside = new OutsideChanges(machine);
    noteMachine(this, machine);
  }

  /**
   * PmemFile.open() calls this, and a test calls PmemFile.open().
   *
   * @example
   * const file = await PmemFile.open('/pmem/app.db', { driver, size: 65536, create: true });
   */
  open(path: string, request: OpenRequest): Promise<OpenOutcome<CompleteFile>> {
    const call = { process: this.#self, name: 'open', path, position: 0, length: 0 } as const;
    return this.#machine.turns.wait(call, () => openFile(this.#machine, checkedPath(path), request, this.#bus, this.#self));
  }

  /**
   * The process of that name on this machine: a driver whose files have mappings and locks of their own and die with it
   * alone. The same one as long as it lives; after kill() a new one. The name is a label, and shows in operations.
   *
   * @example
   * const other = driver.process('backup');
   * const file = await PmemFile.open('/pmem/app.db', { driver: other });
   * other.kill();
   */
  process(name: string): MockProcess {
    if (typeof name !== 'string' || name === '') throw new TypeError('name must be a string that is not empty');
    const running = this.#processes.get(name);
    if (running?.alive === true) return running;
    const started = new MockProcess(this.#machine, name, this.#bus);
    this.#processes.set(name, started);
    return started;
  }

  /**
   * Bytes of a page of this machine, and of a block of its filesystem.
   *
   * @example
   * driver.poison('/pmem/db', { offset: 2 * driver.pageBytes, length: 1 });
   */
  get pageBytes(): number {
    return this.#machine.blockBytes;
  }

  /**
   * Operations and steps so far; `MockOperation.index` counts the same.
   *
   * @example
   * const before = driver.operations;
   * file.persist();
   * assert.equal(driver.operations - before, 1);
   */
  get operations(): number {
    return this.#machine.operations;
  }

  /**
   * Adds an observer that sees every operation and may interfere; the returned function removes it.
   *
   * @example
   * const stop = driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
   * assert.throws(() => file.persist(), { code: 'ERR_PMEM_IO' });
   * stop();
   */
  observe(hook: OperationHook): () => void {
    return this.#machine.observe(hook);
  }

  /**
   * Poisons every 512-byte sector that the range of the file touches. By default the kernel knows at once. The range
   * must have storage: a hole cannot be poisoned (RangeError). The rest of the last block counts as part of the file.
   *
   * On tmpfs, which has no medium, whole pages are poisoned in the mappings that are open now, and the options do not
   * apply.
   *
   * @example
   * driver.poison('/pmem/app.db', { offset: 4096, length: 64 }, { latent: true });
   */
  poison(path: string, range: ByteRange, options: PoisonOptions = {}): void {
    const resolved = checkedPath(path);
    const inode = this.#outside.inode(resolved);
    poisonFile(this.#machine, inode, resolved, range, options);
  }

  /**
   * Poisons bytes of the device, whichever file owns them. `keepMapped` does not apply: pages that are mapped stay
   * mapped.
   *
   * @example
   * const place = driver.physicalOf('/pmem/app.db', 4096);
   * driver.poisonPhysical({ offset: place, length: 512 });
   */
  poisonPhysical(range: ByteRange, options: Pick<PoisonOptions, 'latent'> = {}): void {
    poisonDevice(this.#machine, range, options);
  }

  /**
   * Poison of the whole device, known or not, as ranges on the device.
   *
   * @example
   * assert.deepEqual(driver.poisoned, []);
   */
  get poisoned(): readonly ByteRange[] {
    return poisonOf(this.#machine);
  }

  /**
   * Returns the place on the device of a byte of the file; undefined in a hole.
   *
   * @example
   * const before = driver.physicalOf('/pmem/app.db', 4096);
   * await file.repair({ offset: 4096, length: 1 }, { fill: 0 });
   * assert.equal(driver.physicalOf('/pmem/app.db', 4096), before);
   */
  physicalOf(path: string, offset: number): number | undefined {
    const checked = checkedCount(offset, 'offset');
    return placeOf(this.#machine, this.#outside.inode(checkedPath(path)), checked);
  }

  /**
   * Creates the file or replaces its content, as another process would. `extentBytes` cuts it into extents of that many
   * bytes, a multiple of a page, that do not adjoin on the device. Throws MockSystemError if the device is full, or if
   * the blocks it gets are poison that cannot be cleared.
   *
   * @example
   * driver.writeFile('/pmem/app.db', new Uint8Array(65536).fill(1), { extentBytes: 4096 });
   */
  writeFile(path: string, bytes: Uint8Array, options: { readonly extentBytes?: number | undefined } = {}): void {
    const resolved = checkedPath(path);
    this.#outside.writeFile(resolved, checkedBytes(bytes), options.extentBytes);
  }

  /**
   * The bytes of the file as the medium holds them, poisoned or not, for assertions. Holes read as zeros.
   *
   * @example
   * assert.equal(driver.readFile('/pmem/app.db')[4096], 7);
   */
  readFile(path: string): Uint8Array {
    return this.#outside.readFile(checkedPath(path));
  }

  /**
   * ftruncate by another process. Open mappings keep their length: pages past the end raise SIGBUS.
   *
   * @example
   * driver.truncate('/pmem/app.db', 4096);
   * assert.throws(() => file.read(new Uint8Array(1), 8192), { code: 'ERR_PMEM_TRUNCATED' });
   */
  truncate(path: string, sizeBytes: number): void {
    this.#outside.truncate(path, checkedCount(sizeBytes, 'sizeBytes'));
  }

  /**
   * fallocate(PUNCH_HOLE) by another process: the blocks go back to the free pool, poison and all.
   *
   * @example
   * driver.punch('/pmem/app.db', { offset: 4096, length: 4096 });
   */
  punch(path: string, range: ByteRange): void {
    this.#outside.punch(path, range);
  }

  /**
   * fallocate() by another process: holes of the range get unwritten blocks, and the file grows to its end.
   *
   * @example
   * driver.preallocate('/pmem/app.db', { offset: 0, length: 65536 });
   */
  preallocate(path: string, range: ByteRange): void {
    this.#outside.preallocate(path, range);
  }

  /**
   * FICLONE: `to` becomes a copy that shares every block with `from`, poison included. XFS only (EOPNOTSUPP).
   *
   * @example
   * const driver = mockDriver({ filesystem: 'xfs' });
   * driver.reflink('/pmem/app.db', '/pmem/copy.db');
   */
  reflink(from: string, to: string): void {
    this.#outside.reflink(from, to);
  }

  /**
   * copy_file_range() of the whole file into a new one: XFS shares the blocks, ext4 copies the bytes (EIO at poison).
   *
   * @example
   * driver.copyRange('/pmem/app.db', '/pmem/copy.db');
   */
  copyRange(from: string, to: string): void {
    this.#outside.copyRange(from, to);
  }

  /**
   * fallocate(UNSHARE_RANGE): the file gets copies of its own of shared blocks, which fails at poison. XFS only.
   *
   * @example
   * driver.unshare('/pmem/copy.db', { offset: 0, length: 65536 });
   */
  unshare(path: string, range: ByteRange): void {
    this.#outside.unshare(path, range);
  }

  /**
   * chown() by root: who owns the file now. Programs of the machine run as user 1000. -1 stands for any user whom their
   * user namespace does not map.
   *
   * @example
   * driver.setOwner('/pmem/app.db', 1001);
   */
  setOwner(path: string, ownerId: number): void {
    this.#outside.change(path, (inode) => {
      inode.ownerId = ownerId === -1 ? -1 : checkedCount(ownerId, 'ownerId');
    });
  }

  /**
   * write() at the end of the file, by another process that has opened it with O_APPEND. The file must exist.
   *
   * @example
   * driver.append('/pmem/app.db', new Uint8Array(100).fill(9));
   */
  append(path: string, bytes: Uint8Array): void {
    this.#outside.overwrite(path, checkedBytes(bytes));
  }

  /**
   * pwrite() in the middle of the file by another process, which may grow it. The file must exist.
   *
   * @example
   * driver.overwrite('/pmem/app.db', new Uint8Array(16).fill(9), 4096);
   */
  overwrite(path: string, bytes: Uint8Array, position: number): void {
    this.#outside.overwrite(path, checkedBytes(bytes), checkedCount(position, 'position'));
  }

  /**
   * utimes(2) by another process: the file says that its bytes were changed `modifiedMs` after 1970. So does one that
   * was overwritten by a copy that keeps its times (`cp -p`, `rsync -t`), or that only had its times set.
   *
   * @example
   * driver.setModifiedTime('/pmem/app.db', Date.UTC(2026, 0, 1));
   */
  setModifiedTime(path: string, modifiedMs: number): void {
    this.#outside.setModifiedTime(path, checkedCount(modifiedMs, 'modifiedMs'));
  }

  /**
   * Another process writes a new file and renames it over the path, as editors and package managers do: who has the old one
   * open keeps the old one. `writeFile` instead empties the file that is there and writes into it.
   *
   * @example
   * driver.replaceFile('/pmem/app.db', new Uint8Array(65536));
   */
  replaceFile(path: string, bytes: Uint8Array): void {
    const resolved = checkedPath(path);
    this.writeFile(`${resolved}.new`, bytes);
    this.rename(`${resolved}.new`, resolved);
  }

  /**
   * rename(2): open files follow their inode; a file that had the name `to` loses it.
   *
   * @example
   * driver.rename('/pmem/app.db', '/pmem/old.db');
   */
  rename(from: string, to: string): void {
    this.#outside.rename(from, to);
  }

  /**
   * link(2): one more name for the file at `from`; EEXIST if there is a file at `to`.
   *
   * @example
   * driver.link('/pmem/app.db', '/pmem/second-name.db');
   */
  link(from: string, to: string): void {
    this.#outside.link(from, to);
  }

  /**
   * Removes the name. Who has the file open keeps it until close; a listed bad block stays listed in free space.
   *
   * @example
   * driver.unlink('/pmem/app.db');
   */
  unlink(path: string): void {
    this.#outside.unlink(path);
  }

  /**
   * Makes a directory. Needed before PmemFile makes a file in it, but for mount points (`/pmem`, `/mnt/pmem`: any right
   * below the root or /mnt), which are there; for the methods of the machine itself the parents of a file exist.
   *
   * @example
   * driver.makeDirectory('/pmem/data');
   */
  makeDirectory(path: string): void {
    this.#outside.makeDirectory(checkedPath(path));
  }

  /**
   * Paths of all files, sorted.
   *
   * @example
   * assert.deepEqual(driver.listFiles(), ['/pmem/app.db']);
   */
  listFiles(): string[] {
    return this.#machine.filesystem.paths();
  }

  /**
   * Free space of the device, and the poison in it.
   *
   * @example
   * assert.deepEqual(driver.freePool.poisoned, []);
   */
  get freePool(): FreePoolReport {
    return freePoolOf(this.#machine);
  }

  /**
   * Another file takes all the space that files can get but `leaveBytes`. Returns its path; unlink it to give the space
   * back. XFS keeps a few blocks that no file gets.
   *
   * @example
   * const filler = driver.exhaust();
   * await assert.rejects(file.resize(1 << 20, { preallocate: true }), { code: 'ERR_PMEM_NO_SPACE' });
   * driver.unlink(filler);
   */
  exhaust(leaveBytes = 0): string {
    return this.#outside.exhaust(checkedCount(leaveBytes, 'leaveBytes'));
  }

  /**
   * From now on all files together can get `leaveBytes` more, and then EDQUOT; what they give back they can have again.
   * Free space as statfs shows it does not know of it. `undefined` lifts the quota.
   *
   * @example
   * driver.setQuota(8192);
   */
  setQuota(leaveBytes: number | undefined): void {
    this.#outside.setQuota(leaveBytes === undefined ? Infinity : checkedCount(leaveBytes, 'leaveBytes'));
  }

  /**
   * Moves the machine's clock, which stands still but for a second at each crash(): files that change from now on are
   * so much younger.
   *
   * @example
   * driver.advanceClock(60_000);
   */
  advanceClock(milliseconds: number): void {
    this.#machine.nowMs += checkedCount(milliseconds, 'milliseconds');
  }

  /**
   * Sets the clock, with no time passing: forwards, or by a negative number back, as after a start without a battery.
   * What files are stamped with from now on, and when the machine seems to have been started, move with it.
   *
   * @example
   * driver.setClock(-3_600_000);
   */
  setClock(milliseconds: number): void {
    this.#machine.setClock(checkedInteger(milliseconds, 'milliseconds'));
  }

  /**
   * The filesystem gives up, as XFS does after an error it cannot undo: all calls fail with EIO until crash() mounts
   * it again.
   *
   * @example
   * driver.shutDown();
   * await assert.rejects(file.resize(8192), { code: 'ERR_PMEM_IO' });
   */
  shutDown(): void {
    this.#machine.filesystem.shutDown = true;
  }

  /**
   * Power fails and the machine starts again. Files that are open now are dead: their methods throw SimulatedCrash.
   * Poison and the kernel's list stay. What survives of bytes and metadata that nothing made durable is up to the
   * chooser: `keep-all`, `lose-all`, a function, or the seed.
   *
   * @example
   * driver.crash('lose-all');
   * const reopened = await PmemFile.open('/pmem/app.db', { driver });
   */
  crash(chooser?: CrashChooser | 'keep-all' | 'lose-all'): void {
    const chosen = chooser === 'keep-all' ? keepAll : chooser === 'lose-all' ? loseAll : chooser;
    this.#machine.crash(chosen ?? this.#machine.randomChooser);
  }

  /**
   * Makes everything durable that was stored so far, in open files too: no crash() can take it back. Throws
   * MockSystemError (EIO) after shutDown().
   *
   * @example
   * const file = await PmemFile.open('/pmem/db', { driver, create: true, size: 65536 });
   * file.write(bytes, 0);
   * driver.settle();
   * driver.crash('lose-all'); // the bytes are there
   */
  settle(): void {
    throwUnless0(this.#machine.filesystem.shutDown ? Errno.EIO : 0, 'sync', '/');
    this.#machine.settle();
  }

  /**
   * A machine of its own with the same files, poison and options: what happens to one does not happen to the other. All
   * that was stored is durable in the clone, no file is open there, and no lock is held. Observers that observe() added stay
   * with this machine; the `faults` and `onOperation` of the options are shared, with what they count.
   *
   * @example
   * const prepared = await machineWithData();
   * for (const page of [0, 1, 2]) {
   *   const driver = prepared.clone();
   *   driver.poison('/pmem/db', { offset: page * 4096, length: 1 });
   *   // …
   * }
   */
  clone(): MockDriver {
    return new MockDriver(this.#machine.clone(), this.#bus);
  }
}

// The bundler renames a class that mentions itself, and a runtime prints the name of an object's class.
Object.defineProperty(MockDriver, 'name', { value: 'MockDriver' });

/**
 * A driver over a new simulated machine of its own: same options and same calls, same outcome. Throws TypeError or
 * RangeError for wrong options.
 *
 * @example
 * const driver = mockDriver({ kernel: '6.1', filesystem: 'xfs', clearable: false });
 */
export function mockDriver(options: MockOptions = {}): MockDriver {
  const checked = checkOptions(options);
  return new MockDriver(new Machine(checked), checked.bus);
}
