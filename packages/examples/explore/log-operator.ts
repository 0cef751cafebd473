/**
 * Explorations of what an operator does to a mirrored log: a device is new, or from an older moment, or both are
 * exchanged; a mirror is given up and attached again; a log without a commit point is reset. Power fails, the process
 * dies, a call fails or a page goes bad in each, and the operator tries the same once more. Invariant: what was
 * acknowledged is returned, or reported lost if a page went bad; what was read stays if power fails after that; no
 * number that was acknowledged is given to another record.
 */
import { PmemError, PmemFile } from '@safe-pmem/core';
import {
  everyInterleaving,
  type EveryInterleavingOptions,
  type ExplorationTarget,
  type Interleaving,
  type MockDriver,
  mockDriver,
  type MockProcess,
  replaySchedule,
  type ScheduledEvent,
} from '@safe-pmem/mock';
import { Wal, WalError, type WalOptions } from '../src/wal/index.js';

const PAGE = 4096;
const PAGES = 8;
const PATHS = ['/pmem0/log', '/pmem1/log'] as const;
/** Number of the first record after a reset. */
const RESET_TO = 100;

type Machine = MockDriver | MockProcess;

/** The machine, and what was written to the log. */
export class LogScene {
  readonly driver: MockDriver;
  /** Payloads that a record may have, by its number; those of records that were given up among them. */
  readonly tried = new Map<number, Set<string>>();
  readonly acknowledged = new Map<number, string>();
  /** Both files at an earlier moment. */
  older: readonly Uint8Array[] = [];
  disturbed = false;
  poisoned = false;
  /** The log was reset: what it held before is gone. */
  wasReset = false;
  #texts = 0;

  constructor(seed: number) {
    this.driver = mockDriver({ seed, capacityBytes: 128 * PAGE });
    for (const path of PATHS) this.driver.writeFile(path, new Uint8Array(PAGES * PAGE));
  }

  noteEvent({ effect }: ScheduledEvent): void {
    if (effect === 'poison') this.poisoned = true;
    if (!['turn', 'kill', 'crash'].includes(effect)) this.disturbed = true;
  }

  /** Stores a record that no other equals; pages that refuse it are repaired on the way. */
  async write(wal: Wal, length: number): Promise<void> {
    const text = `${++this.#texts}:`.padEnd(length, '.');
    const sequence = wal.append(Buffer.from(text));
    this.tried.set(sequence, (this.tried.get(sequence) ?? new Set()).add(text));
    await wal.commitAsync();
    this.acknowledged.set(sequence, text);
  }
}

/** Opens both files in the order of `paths`, or the first alone, and the log on them. */
async function openLog(
  machine: Machine, options: Partial<WalOptions> = {}, paths: readonly string[] = PATHS,
): Promise<Wal> {
  const [file, mirror] = await Promise.all(paths.map((path) => PmemFile.open(path, { driver: machine })));
  if (file === undefined) throw new Error('no file');
  return Wal.open({ file, ...(mirror === undefined ? {} : { mirror }), blockMs: Infinity, ...options });
}

interface Situation {
  /** Makes it, of a log with some records whose writer was killed in a commit, or has closed the log. */
  readonly make: (scene: LogScene) => void;
  /** Does what the operator does; called again until it works. */
  readonly act: (scene: LogScene, machine: Machine) => Promise<Wal>;
}

const replace = (index: number, bytes: (scene: LogScene) => Uint8Array) => (scene: LogScene): void => {
  scene.driver.writeFile(PATHS[index] as string, bytes(scene));
};
const blank = (index: number) => replace(index, () => new Uint8Array(PAGES * PAGE));
const older = (index: number) => replace(index, (scene) => scene.older[index] as Uint8Array);
const attach = (_: LogScene, machine: Machine): Promise<Wal> => openLog(machine, { attachMirror: true });
const plain = (_: LogScene, machine: Machine): Promise<Wal> => openLog(machine);

export const SITUATIONS: Readonly<Record<string, Situation>> = {
  'the log is new': { make: blank(0), act: attach },
  'the mirror is new': { make: blank(1), act: attach },
  'the mirror is older': { make: older(1), act: plain },
  'the log is older': { make: older(0), act: plain },
  'exchanged': { make: () => undefined, act: (_, machine) => openLog(machine, {}, [PATHS[1], PATHS[0]]) },
  'the mirror is cut off': { make: ({ driver }) => { driver.truncate(PATHS[1], 3 * PAGE); }, act: plain },
  'the log is cut off': { make: ({ driver }) => { driver.truncate(PATHS[0], 3 * PAGE); }, act: plain },
  'detached and attached': {
    make: () => undefined,
    act: async (scene, machine) => {
      const alone = await openLog(machine, { detachMirror: true }, [PATHS[0]]).catch((error: unknown) => {
        if (error instanceof WalError) return undefined;
        throw error;
      });
      if (alone !== undefined) {
        await scene.write(alone, 40);
        alone.close();
      }
      return openLog(machine, { attachMirror: true });
    },
  },
  'reset': {
    make: ({ driver }) => {
      for (const path of PATHS) {
        for (const page of [0, PAGES - 1]) driver.poison(path, { offset: page * PAGE, length: PAGE });
      }
    },
    act: async (scene, machine) => {
      const wal = await openLog(machine, { create: true });
      if (!wal.commitPointLost) return wal;
      for (const sequence of scene.acknowledged.keys()) if (sequence < RESET_TO) scene.acknowledged.delete(sequence);
      scene.wasReset = true;
      await wal.reset(RESET_TO);
      return wal;
    },
  },
};

async function begin(seed: number, { make }: Situation, killed: boolean): Promise<LogScene> {
  const scene = new LogScene(seed);
  const { driver } = scene;
  const writer = driver.process('writer');
  const wal = await openLog(writer, { create: true });
  await scene.write(wal, 20);
  scene.older = PATHS.map((path) => Uint8Array.from(driver.readFile(path)));
  await scene.write(wal, 3000);
  await scene.write(wal, 2000);
  if (killed) {
    const stop = driver.observe(({ name }) => {
      if (name === 'persist') writer.kill();
      return undefined;
    });
    try {
      await scene.write(wal, 5000);
    } catch {
      // Killed before the flush of the first file.
    }
    stop();
  } else {
    wal.close();
    writer.kill();
  }
  driver.settle();
  make(scene);
  return scene;
}

function isOwn(error: unknown): boolean {
  return error instanceof PmemError || error instanceof WalError;
}

/** Reads the log and judges it; `must` are records that have to be there. */
async function read(scene: LogScene, wal: Wal, must: ReadonlyMap<number, string>): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const lost = new Set<number>();
  let next = wal.firstSequence ?? 1;
  for await (const item of wal.replay()) {
    if (item.type === 'lost') {
      if (item.first !== next) throw new Error(`loss of ${item.first} came where ${next} was due`);
      if (item.last === undefined) throw new Error('the end is unknown');
      for (; next <= item.last; next++) lost.add(next);
      continue;
    }
    const text = Buffer.from(item.payload).toString();
    if (item.sequence !== next++) throw new Error(`record ${item.sequence} is out of order`);
    const wasTried = scene.tried.get(item.sequence)?.has(text) === true;
    if (!wasTried) throw new Error(`record ${item.sequence} was never written`);
    found.set(item.sequence, text);
  }
  if (next !== (wal.lastSequence ?? 0) + 1) throw new Error(`ended before ${next}`);
  if (lost.size > 0 && !scene.poisoned) throw new Error(`records ${[...lost].join(', ')} are lost, and no page is bad`);
  for (const [sequence, text] of must) {
    if (lost.has(sequence)) continue;
    if (found.get(sequence) === undefined) throw new Error(`record ${sequence} is gone`);
    if (found.get(sequence) !== text) throw new Error(`record ${sequence} is another one`);
  }
  return found;
}

export function operatorOf(situation: Situation, killed: boolean): Interleaving<LogScene> {
  return {
    prep: (seed) => begin(seed, situation, killed),
    bodies: [
      async (scene, process) => {
        try {
          const wal = await situation.act(scene, process);
          await scene.write(wal, 100);
          wal.close();
        } catch (error) {
          if (!scene.disturbed || !isOwn(error)) throw error;
        }
      },
    ],
    check: async (scene) => {
      const { driver } = scene;
      driver.process('a').kill();
      let wal: Wal;
      try {
        wal = await situation.act(scene, driver.process('second'));
      } catch (error) {
        // "A crash in the middle may leave files of which a new log has to be made."
        if (scene.wasReset && error instanceof WalError && error.code === 'ERR_WAL_UNREADABLE') return;
        if (scene.poisoned && isOwn(error)) return;
        throw error;
      }
      const { nextSequence = 0 } = wal;
      if (scene.wasReset && nextSequence < RESET_TO) throw new Error(`after a reset ${nextSequence} comes next`);
      const found = await read(scene, wal, scene.acknowledged);
      await scene.write(wal, 60);
      driver.process('second').kill();
      driver.crash('lose-all');
      const after = await situation.act(scene, driver.process('third'));
      await read(scene, after, new Map([...found, ...scene.acknowledged]));
      if (scene.poisoned) return;
      await after.repair();
      after.close();
      driver.process('third').kill();
      for (const path of PATHS) {
        const copy = driver.clone();
        for (let page = 1; page < PAGES - 1; page++) copy.poison(path, { offset: page * PAGE, length: PAGE });
        await read(scene, await openLog(copy), new Map([...found, ...scene.acknowledged]));
      }
    },
    onEvent: (scene, event) => { scene.noteEvent(event); },
  };
}

const files = (path: string): boolean => !path.includes('.repair');

const WAYS: Readonly<Record<string, EveryInterleavingOptions>> = {
  kill: { kill: true },
  crash: { crash: true },
  fault: { fault: true },
  poison: { poison: true, files },
};

/** Of each target at least so many states in a full run. */
export const statesEach = 1000;

export const targets: readonly ExplorationTarget[] = Object.entries(SITUATIONS).flatMap(([name, situation]) =>
  [false, true].flatMap((killed) => {
    const interleaving = operatorOf(situation, killed);
    return Object.entries(WAYS).map(([way, options]): ExplorationTarget => ({
      name: `operator of a log, ${name}${killed ? ' after a kill' : ''}, ${way}`,
      run: (explore) => everyInterleaving(interleaving, { ...options, ...explore }),
      replay: (schedule) => replaySchedule(interleaving, schedule),
    }));
  }),
);
