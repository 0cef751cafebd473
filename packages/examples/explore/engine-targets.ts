/** Shared by the explorations of all engines: bodies on machines, in every way, and random ones without end. */
import type { MockOptions } from '@safe-pmem/mock';
import { everyWay, type Explored, type Exploration, type ExplorationTarget } from '@safe-pmem/mock';

const KERNELS = ['5.10', '6.1', '6.12', '7.3'] as const;

/** A machine, and whether the engine on it has a mirror. */
export interface MirroredMachine extends Pick<MockOptions, 'kernel' | 'filesystem' | 'clearable' | 'dax'> {
  readonly mirrored: boolean;
}

interface Engine<Life extends Explored, Machine> {
  readonly name: string;
  readonly machines: readonly Machine[];
  readonly nameOf: (machine: Machine) => string;
  readonly randomMachine: (seed: number) => Machine;
  readonly bodies: Readonly<Record<string, (life: Life) => Promise<void>>>;
  readonly exploration: (body: (life: Life) => Promise<void>, machine: Machine) => Exploration<Life>;
  /** One step of a random body; `number` has 16 bits. */
  readonly randomStep: (life: Life, number: number) => Promise<void>;
}

interface Targets<Life> {
  readonly targets: readonly ExplorationTarget[];
  readonly randomTarget: (seed: number) => ExplorationTarget;
  readonly randomBody: (seed: number) => (life: Life) => Promise<void>;
}

/** Every body on every machine, and as many more as there are seeds. */
export function engineTargets<Life extends Explored, Machine>(engine: Engine<Life, Machine>): Targets<Life> {
  const { name, machines, nameOf, randomMachine, bodies, exploration, randomStep } = engine;
  // Poison in a repair journal is a question to PmemFile, which is asked there: packages/mock/explore.
  const files = (path: string): boolean => !path.includes('.repair');
  const waysOf = (title: string, body: (life: Life) => Promise<void>, machine: Machine): readonly ExplorationTarget[] =>
    everyWay(`${name}, ${nameOf(machine)}, ${title}`, exploration(body, machine), { files });
  const randomBody = (seed: number) => async (life: Life): Promise<void> => {
    const count = 3 + (numberOf(seed, 11) % 3);
    for (let step = 0; step < count; step++) await randomStep(life, numberOf(seed, 4 + step));
  };
  return {
    targets: machines.flatMap((machine) => Object.entries(bodies).flatMap(([title, body]) => waysOf(title, body, machine))),
    randomTarget: (seed) => {
      const ways = waysOf(`random ${seed}`, randomBody(seed), randomMachine(seed));
      return ways[numberOf(seed, 10) % ways.length] as ExplorationTarget;
    },
    randomBody,
  };
}

export function randomMirroredMachine(seed: number): MirroredMachine {
  return {
    kernel: KERNELS[numberOf(seed, 0) % KERNELS.length],
    filesystem: numberOf(seed, 1) % 2 === 0 ? 'ext4' : 'xfs',
    clearable: numberOf(seed, 2) % 4 > 0,
    mirrored: numberOf(seed, 3) % 2 === 0,
  };
}

export function nameOfMirrored({ filesystem, kernel = '6.12', clearable = true, dax = true, mirrored }: MirroredMachine): string {
  const device = `${clearable ? '' : ' unclearable'}${dax ? '' : ' without dax'}`;
  return `${filesystem ?? 'ext4'} ${kernel}${device}${mirrored ? ' with mirror' : ''}`;
}

/** The `index`th number of a seed, of 16 bits. */
export function numberOf(seed: number, index: number): number {
  return (Math.imul(seed + index * 7919, 2654435761) >>> 9) & 0xffff;
}
