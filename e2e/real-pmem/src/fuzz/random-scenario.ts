/** Random scenarios: one or two small files, poison, and whatever may be done to them, most of it near one page. */
import fc from 'fast-check';
import { FileSteps, page, pageBytes, sectorBytes } from '../scenarios/file-steps.js';
import type { Scenario, Step } from '../scenarios/step.js';

type Verb =
  | 'pread' | 'pwrite' | 'load' | 'store' | 'inject' | 'zeroRange' | 'punch' | 'allocate' | 'truncate' | 'resize' | 'foreignWrite' | 'sync'
  | 'extents' | 'badBlocks' | 'probe' | 'remap' | 'reopen' | 'look';

interface Command {
  readonly verb: Verb;
  /** Of the second file, where there is one. */
  readonly other: boolean;
  /** Pages from the page that most commands are about. */
  readonly near: number;
  readonly within: number;
  readonly length: number;
}

interface Plan {
  readonly pages: number;
  readonly tailBytes: number;
  readonly made: 'written' | 'allocated' | 'sparse' | 'half written';
  readonly hotPage: number;
  readonly withOther: boolean;
  readonly commands: readonly Command[];
}

/**
 * How often each verb comes up. persist() is not among them: the emulated cache-line flush touches no memory, a real one
 * faults like a load. Those that need another program in the guest cost a hundred times the others.
 */
const weights: readonly (readonly [weight: number, verb: Verb])[] = [
  [5, 'look'], [6, 'inject'], [7, 'pwrite'], [5, 'store'], [5, 'zeroRange'], [4, 'pread'], [4, 'load'], [2, 'truncate'], [2, 'resize'], [2, 'foreignWrite'],
  [1, 'sync'], [1, 'extents'], [1, 'badBlocks'], [1, 'probe'], [1, 'remap'], [1, 'reopen'], [1, 'punch'], [1, 'allocate'],
];
const withins = [0, 100, 512, 1536, 3584, 4000];
const lengths = [pageBytes, 8, 100, sectorBytes, pageBytes - 1, 2 * pageBytes, pageBytes + 100, 3 * pageBytes, 5 * pageBytes];
const tails = [0, 100, 2048, 4095];

const command: fc.Arbitrary<Command> = fc.record({
  verb: fc.oneof(...weights.map(([weight, verb]) => ({ weight, arbitrary: fc.constant(verb) }))),
  other: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  near: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) }),
  within: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.constantFrom(...withins) }),
  length: fc.oneof({ weight: 2, arbitrary: fc.constant(pageBytes) }, { weight: 3, arbitrary: fc.constantFrom(...lengths) }),
});

const plan: fc.Arbitrary<Plan> = fc.record({
  pages: fc.integer({ min: 2, max: 20 }),
  tailBytes: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.constantFrom(...tails) }),
  made: fc.constantFrom('written', 'allocated', 'half written', 'sparse'),
  hotPage: fc.nat({ max: 19 }),
  withOther: fc.boolean(),
  commands: fc.array(command, { minLength: 1, maxLength: 14, size: 'max' }),
});

/** The steps of a plan. A mapping is never used beyond its end, whatever has failed before. */
class PlannedFile {
  readonly steps: FileSteps;
  /** Bytes that the mapping has, and a new one would have, at least. */
  mappedBytes: number;
  smallestBytes: number;

  constructor(name: string, firstByte: number, sizeBytes: number) {
    this.steps = new FileSteps(name, firstByte);
    this.mappedBytes = sizeBytes;
    this.smallestBytes = sizeBytes;
  }

  resized(sizeBytes: number): void {
    this.mappedBytes = Math.min(this.mappedBytes, sizeBytes);
    this.smallestBytes = Math.min(this.smallestBytes, sizeBytes);
  }
}

function made(file: PlannedFile, how: Plan['made'], sizeBytes: number): Step[] {
  const { steps } = file;
  const half = Math.max(pageBytes, Math.floor(sizeBytes / pageBytes / 2) * pageBytes);
  switch (how) {
    case 'written': return [steps.create(sizeBytes), steps.pwrite(0, sizeBytes, 1)];
    case 'allocated': return [steps.create(sizeBytes)];
    case 'sparse': return [steps.create(sizeBytes, false)];
    case 'half written': return [steps.create(sizeBytes), steps.pwrite(0, Math.min(half, sizeBytes), 1)];
  }
}

function commandSteps(of: Command, file: PlannedFile, hotPage: number, byte: number): Step[] {
  const { steps } = file;
  const start = page(Math.max(0, hotPage + of.near));
  const offset = start + of.within;
  /** The part of the range that lies in the mapping; with the whole of its last page for calls that do not use it. */
  const inMapping = (limit: number, body: (from: number, length: number) => Step): Step[] =>
    offset < limit ? [body(offset, Math.min(of.length, limit - offset))] : [];
  const lastPageEnd = Math.ceil(file.mappedBytes / pageBytes) * pageBytes;
  switch (of.verb) {
    case 'pread': return inMapping(lastPageEnd, (from, length) => steps.pread(from, length));
    case 'pwrite': return inMapping(lastPageEnd, (from, length) => steps.pwrite(from, length, byte));
    // Which page a longer copy touches first is its own affair, and so is what it has stored before it faults.
    case 'load': return inMapping(file.mappedBytes, (from, length) => steps.load(from, Math.min(length, start + pageBytes - from)));
    case 'store': return inMapping(file.mappedBytes, (from, length) => steps.store(from, Math.min(length, start + pageBytes - from), byte));
    case 'probe': return inMapping(file.mappedBytes, (from, length) => steps.probe(from, length));
    case 'remap': return start < file.mappedBytes ? [steps.remap(start, pageBytes)] : [];
    case 'zeroRange': return inMapping(lastPageEnd, (from, length) => steps.zeroRange(from, length));
    case 'foreignWrite': return [steps.foreignWrite(offset, of.length, byte)];
    case 'punch': return [steps.punch(offset, of.length)];
    case 'allocate': return [steps.allocate(offset, of.length)];
    case 'sync': return [steps.sync()];
    case 'extents': return [steps.extents()];
    case 'badBlocks': return [steps.badBlocks()];
    case 'inject': {
      const sector = start + Math.floor(of.within / sectorBytes) * sectorBytes;
      const length = Math.min(Math.ceil(of.length / sectorBytes) * sectorBytes, start + pageBytes - sector);
      return [{ do: 'inject', file: steps.file, offset: sector, length, ifStored: true }];
    }
    case 'truncate':
    case 'resize': {
      const sizeBytes = Math.max(100, offset);
      const preallocate = of.length !== pageBytes;
      const before = file.mappedBytes;
      file.resized(sizeBytes);
      if (of.verb === 'resize') return [steps.resize(sizeBytes, preallocate)];
      // ftruncate leaves the mapping alone.
      file.mappedBytes = before;
      return [steps.truncate(sizeBytes)];
    }
    case 'reopen':
      file.mappedBytes = file.smallestBytes;
      return [steps.close(), steps.open()];
    case 'look':
      return look(file, hotPage);
  }
}

function look(file: PlannedFile, hotPage: number): Step[] {
  const { steps } = file;
  const around = Math.max(0, hotPage - 1);
  return [steps.badBlocks(), steps.extents(), steps.size(), ...[0, 1, 2, 3].map((more) => steps.pread(page(around + more)))];
}

function planSteps({ pages, tailBytes, made: how, hotPage, withOther, commands }: Plan): Step[] {
  const sizeBytes = page(pages) - (tailBytes === 0 ? 0 : pageBytes - tailBytes);
  const hot = hotPage % pages;
  const a = new PlannedFile('a', 1, sizeBytes);
  const b = withOther ? new PlannedFile('b', 101, page(4)) : undefined;
  const steps = made(a, how, sizeBytes);
  if (b !== undefined) steps.push(...made(b, 'written', page(4)));
  commands.forEach((each, index) => {
    const file = each.other && b !== undefined ? b : a;
    steps.push(...commandSteps(each, file, file === a ? hot : 1, 2 + index));
  });
  for (const file of b === undefined ? [a] : [a, b]) steps.push(...look(file, file === a ? hot : 1), file.steps.pread(0, page(24)));
  return steps;
}

export const randomScenario: fc.Arbitrary<Scenario> = plan.map((each) => ({ name: 'random', title: JSON.stringify(each), steps: planSteps(each) }));
