/** Runs a scenario on a machine and says what every step did, in words that are the same on every machine alike. */
import path from 'node:path';
import type {
  CaughtFault, CompleteFile, DeviceBadBlocks, Extent, ExtentsOutcome, SystemFailure,
} from '@safe-pmem/core';
import { errnoName, intersect, rangeEnd, subtract } from '@safe-pmem/core';
import { BlockNames } from './block-names.js';
import { describeContent } from './content.js';
import { pageBytes, sectorBytes } from './file-steps.js';
import { LayoutRecorder } from './layout-recorder.js';
import type { ReplayMachine } from './replay-machine.js';
import type { FileLayout, Layout, StepRecord } from './trace.js';
import { describeStep, type DriverStep, type MachineStep, type Outcome, type OutcomeValue, type Scenario, type Step } from './step.js';

/** Larger than any file of a scenario. */
const maximumFileBytes = 2 ** 32;

/** The outcomes of a scenario's steps, in order. Rejects if a step cannot even be carried out. */
export async function replay(scenario: Scenario, machine: ReplayMachine): Promise<Outcome[]> {
  return (await replayWithLayouts(scenario, machine)).map(({ outcome }) => outcome);
}

/** As replay(), with the places of the files' blocks after each step that moved one. */
export async function replayWithLayouts(scenario: Scenario, machine: ReplayMachine): Promise<StepRecord[]> {
  const run = new Replay(machine);
  const records: StepRecord[] = [];
  try {
    for (const [index, step] of scenario.steps.entries()) {
      try {
        machine.beforeStep?.(index);
        const outcome = await run.perform(step);
        const layout = movesBlocks(step) ? await run.movedFiles() : undefined;
        records.push(layout === undefined ? { outcome } : { outcome, layout });
      } catch (cause) {
        throw new Error(`${scenario.name}, step ${index + 1} (${describeStep(step)}) cannot be carried out`, { cause });
      }
    }
  } finally {
    await run.closeAll();
  }
  return records;
}

class Replay {
  readonly #machine: ReplayMachine;
  readonly #files = new Map<string, CompleteFile>();
  readonly #blocks = new BlockNames();
  readonly #layouts: LayoutRecorder;

  constructor(machine: ReplayMachine) {
    this.#machine = machine;
    this.#layouts = new LayoutRecorder(machine.originBlock);
  }

  async closeAll(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
    this.#files.clear();
  }

  /** Layouts of the open files whose blocks are not where they were when this was last asked. */
  async movedFiles(): Promise<Layout | undefined> {
    const moved: Record<string, FileLayout | null> = {};
    for (const [name, file] of this.#files) {
      const layout = this.#layouts.moved(name, await allExtents(file));
      if (layout !== undefined) moved[name] = layout;
    }
    return Object.keys(moved).length === 0 ? undefined : moved;
  }

  perform(step: Step): Promise<Outcome> {
    switch (step.do) {
      case 'inject': case 'punch': case 'allocate': case 'unshare': case 'foreignWrite':
      case 'reflink': case 'copyRange': case 'call': case 'unlink': case 'exhaust':
        return this.#onMachine(step);
      default:
        return this.#onDriver(step);
    }
  }

  #path(file: string): string {
    return path.join(this.#machine.directory, file);
  }

  async #open(step: Extract<DriverStep, { do: 'create' | 'open' }>): Promise<Outcome> {
    const create = step.do === 'create';
    const opened = await this.#machine.driver.open(this.#path(step.file), {
      readOnly: false,
      create,
      sizeBytes: create ? step.sizeBytes : undefined,
      preallocate: create && step.preallocate,
    });
    // Which call noticed is the driver's own affair.
    if ('failure' in opened) return errnoOutcome(opened.failure.errno);
    this.#files.set(step.file, opened.file);
    return {};
  }

  async #onDriver(step: DriverStep): Promise<Outcome> {
    if (step.do === 'create' || step.do === 'open') return this.#open(step);
    const file = this.#files.get(step.file);
    if (file === undefined) return { notOpen: step.file };
    switch (step.do) {
      case 'close':
        this.#files.delete(step.file);
        return failureOutcome(await file.close());
      case 'fill':
        return this.#fill(file, step.length, step.firstByte);
      case 'pread': {
        const target = new Uint8Array(step.length);
        const done = await file.pread(target, step.offset);
        return transferOutcome(done, describeContent(target.subarray(0, done.transferredBytes)));
      }
      case 'pwrite':
        return transferOutcome(await file.pwrite(new Uint8Array(step.length).fill(step.byte), step.offset));
      case 'load': {
        const target = new Uint8Array(step.length);
        const fault = file.read(target, step.offset);
        return fault === undefined ? { content: describeContent(target) } : faultOutcome(fault, step.length);
      }
      case 'store': {
        const fault = file.write(new Uint8Array(step.length).fill(step.byte), step.offset);
        return fault === undefined ? {} : faultOutcome(fault, step.length);
      }
      case 'persist': {
        const failed = file.persist(step.offset, step.length);
        if (failed !== undefined && 'fileSizeBytes' in failed) return { fileSizeBytes: failed.fileSizeBytes };
        return failed !== undefined && 'signalCode' in failed ? faultOutcome(failed, step.length) : failureOutcome(failed);
      }
      case 'remap':
        return failureOutcome(file.remap(step.offset, step.length));
      case 'probe': {
        const probe = file.probe(step.offset, step.length);
        if ('failure' in probe) return failureOutcome(probe.failure);
        const noSpace = probe.freeBytes < file.facts.blockBytes;
        return { fileSizeBytes: probe.fileSizeBytes, readErrno: nameOf(probe.readErrno), hole: probe.hole, noSpace };
      }
      case 'avoidHugePages':
        return failureOutcome(file.avoidHugePages?.());
      case 'zeroRange':
        return failureOutcome(await file.zeroRange(step.offset, step.length));
      case 'sync':
        return failureOutcome(await file.sync());
      case 'truncate':
        return { ...failureOutcome(await file.truncate(step.sizeBytes)), fileSizeBytes: await sizeOf(file) };
      case 'resize': {
        const failed = failureOutcome(await file.resize(step.sizeBytes, step.preallocate));
        return { ...failed, fileSizeBytes: await sizeOf(file), mappedBytes: file.mappedBytes };
      }
      case 'size':
        return { fileSizeBytes: await sizeOf(file) };
      case 'extents':
        return this.#describeExtents(file);
      case 'badBlocks':
        return this.#badBlocks(file);
      case 'block': {
        const physical = await this.#physical(file, step.offset);
        return { block: physical === undefined ? 'none' : this.#blocks.of(physical) };
      }
    }
  }

  async #fill(file: CompleteFile, length: number, firstByte: number): Promise<Outcome> {
    const bytes = new Uint8Array(length);
    for (let start = 0; start < length; start += pageBytes) bytes.fill(firstByte + start / pageBytes, start, start + pageBytes);
    const done = await file.pwrite(bytes, 0);
    if (done.errno !== 0 || done.transferredBytes !== length) throw new Error(`the fill wrote ${done.transferredBytes}: ${errnoName(done.errno)}`);
    return {};
  }

  async #onMachine(step: MachineStep): Promise<Outcome> {
    const machine = this.#machine;
    if (step.do === 'exhaust') {
      await machine.exhaust();
      return {};
    }
    const target = this.#path(step.file);
    switch (step.do) {
      case 'inject': {
        const file = this.#files.get(step.file);
        if (file === undefined) return { notOpen: step.file };
        const physical = await this.#physical(file, step.offset);
        if (physical === undefined && step.ifStored === true) return { block: 'none' };
        if (physical === undefined) throw new RangeError(`no block holds byte ${step.offset}`);
        if (physical % sectorBytes !== 0 || step.length % sectorBytes !== 0) throw new RangeError('poison comes in whole sectors');
        await machine.inject({ offset: physical, length: step.length });
        return { block: this.#blocks.of(physical) };
      }
      case 'punch':
      case 'allocate':
      case 'unshare':
        return errnoOutcome(await machine[step.do](target, step));
      case 'foreignWrite':
        return transferOutcome(await machine.foreignWrite(target, new Uint8Array(step.length).fill(step.byte), step.offset));
      case 'reflink':
      case 'copyRange':
        return errnoOutcome(await machine[step.do](target, this.#path(step.target)));
      case 'call': {
        const { errno, value } = await machine.call(step.call, target, step);
        return errno === 0 ? { value } : errnoOutcome(errno);
      }
      case 'unlink':
        return errnoOutcome(await machine.unlink(target));
    }
  }

  async #describeExtents(file: CompleteFile): Promise<Outcome> {
    const found = await allExtents(file);
    return 'failure' in found ? failureOutcome(found.failure) : { extents: describeExtents(found.extents) };
  }

  async #physical(file: CompleteFile, offset: number): Promise<number | undefined> {
    const found = await allExtents(file);
    const extent = 'failure' in found ? undefined : found.extents.find((candidate) => candidate.offset <= offset && offset < rangeEnd(candidate));
    return extent === undefined ? undefined : extent.physicalOffset + offset - extent.offset;
  }

  async #badBlocks(file: CompleteFile): Promise<Outcome> {
    const list: DeviceBadBlocks = await file.badBlocks();
    if (!list.supported) return { unsupported: list.reason };
    const found = await allExtents(file);
    const onDevice = this.#blocks.describe(subtract(list.ranges, this.#machine.earlierPoison ?? []));
    if ('failure' in found) return { ...failureOutcome(found.failure), onDevice };
    const inFile = found.extents.flatMap((extent) =>
      list.ranges.flatMap((bad) => {
        const both = intersect({ offset: extent.physicalOffset, length: extent.length }, bad);
        return both === undefined ? [] : [[both.offset - extent.physicalOffset + extent.offset, both.length]];
      }),
    );
    return { inFile, onDevice };
  }
}

/** Steps that only look move no blocks. */
function movesBlocks(step: Step): boolean {
  const looks = [
    'pread', 'load', 'remap', 'probe', 'sync', 'size', 'extents', 'badBlocks', 'block', 'avoidHugePages', 'inject', 'close',
  ];
  return !looks.includes(step.do);
}

/** Every extent of the file, those beyond its end or its mapping too. */
function allExtents(file: CompleteFile): Promise<ExtentsOutcome> {
  return file.extents(0, maximumFileBytes);
}

/** The size, or why there is none: a filesystem that has shut itself down does not even answer fstat. */
async function sizeOf(file: CompleteFile): Promise<OutcomeValue> {
  const outcome = await file.fileSize();
  return 'failure' in outcome ? 'unknown' : outcome.sizeBytes;
}

function nameOf(errno: number): string {
  return errno === 0 ? 'none' : errnoName(errno);
}

function errnoOutcome(errno: number): Outcome {
  return errno === 0 ? {} : { errno: errnoName(errno) };
}

function failureOutcome(failure: SystemFailure | undefined): Outcome {
  return failure === undefined ? {} : { errno: errnoName(failure.errno), syscall: failure.syscall };
}

function transferOutcome(done: { readonly transferredBytes: number; readonly errno: number }, content = ''): Outcome {
  const counted = { transferredBytes: done.transferredBytes, ...(content === '' ? {} : { content }) };
  return done.errno === 0 ? counted : { errno: errnoName(done.errno) };
}

/** Which byte of a page a longer copy touches first is the copy's own affair: only a single access names its byte. */
function faultOutcome(fault: CaughtFault, length: number): Outcome {
  const where = length <= 8 ? { position: fault.position } : { pagePosition: fault.position - (fault.position % pageBytes) };
  return { fault: { ...where, signalCode: fault.signalCode, granuleLog2: fault.granuleLog2 } };
}

/** `[0, 20480) unwritten`; `+` marks an extent that follows its predecessor on the device, too. */
function describeExtents(extents: readonly Extent[]): string[] {
  return extents.map((extent, index) => {
    const previous = extents[index - 1];
    const follows =
      previous !== undefined && rangeEnd(previous) === extent.offset && previous.physicalOffset + previous.length === extent.physicalOffset;
    const flags = [
      ...(follows ? ['+'] : []),
      ...(extent.unwritten ? ['unwritten'] : []),
      ...(extent.shared ? ['shared'] : []),
      ...(extent.unmapped ? ['unmapped'] : []),
    ];
    return [`[${extent.offset}, ${rangeEnd(extent)})`, ...flags].join(' ');
  });
}

