/**
 * Explorations of every engine's open beside another process that opens the same files, new ones or those of an engine,
 * while power fails, a process dies, a call fails or a page goes bad. Invariant: one at a time has it, the other is
 * refused and changes nothing; what was acknowledged is there afterwards, and nothing that was not written; and what
 * the next process has read stays if power fails after that.
 */
import { PmemError } from '@safe-pmem/core';
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
import { EngineError } from '../src/engine-error.js';
import { openWithFiles } from '../src/files/index.js';
import { PmemLevel } from '../src/level/index.js';
import { PageStore } from '../src/pages/index.js';
import { decodeFrame } from '../src/replicated/frame.js';
import { ReplicatedWal } from '../src/replicated/index.js';
import { Wal } from '../src/wal/index.js';
import { SimulatedServer } from './simulated-stream.js';

const PAGE = 4096;
const LOG_BYTES = 12 * PAGE;

/** An engine that is open; a record is a short text. */
interface Opened {
  readonly write: (text: string) => Promise<unknown>;
  readonly read: () => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

interface Kind {
  readonly open: (driver: MockDriver | MockProcess, server: SimulatedServer) => Promise<Opened>;
}

type Decode = (payload: Uint8Array) => Uint8Array | undefined;

async function textsOf(wal: Wal, decode: Decode): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const item of wal.replay()) {
    if (item.type === 'lost') throw new Error(`records ${item.first} to ${item.last ?? 'the end'} are lost`);
    texts.push(Buffer.from(decode(item.payload) ?? []).toString());
  }
  return texts;
}

const mirrored = { file: { path: '/pmem0/log', size: LOG_BYTES }, mirror: { path: '/pmem1/log', size: LOG_BYTES } };

export const KINDS: Readonly<Record<string, Kind>> = {
  'log': {
    open: async (driver) => {
      const { engine: wal, close } = await openWithFiles({
        driver, files: mirrored, open: (files) => Wal.open({ ...files, create: true, blockMs: Infinity }),
      });
      return {
        write: (text) => wal.appendDurable(Buffer.from(text)),
        read: () => textsOf(wal, (payload) => payload),
        close: async () => { wal.close(); await close(); },
      };
    },
  },
  'replicated log': {
    open: async (driver, server) => {
      const { engine: log, close } = await openWithFiles({
        driver, files: mirrored,
        open: async (files) => {
          const wal = await Wal.open({ ...files, create: true, blockMs: Infinity });
          return ReplicatedWal.open({ wal, stream: server.connect() });
        },
      });
      return {
        write: (text) => log.append(Buffer.from(text)),
        read: () => textsOf(log.wal, decodeFrame),
        close: async () => { await log.close(); log.wal.close(); await close(); },
      };
    },
  },
  'paged store': {
    open: async (driver) => {
      const sizes = { file: 3 * PAGE, mirror: 3 * PAGE, log: LOG_BYTES, logMirror: LOG_BYTES };
      const wanted = Object.entries(sizes).map(([role, size]) => [role, { path: `/pmem0/${role}`, size }]);
      const { engine: store, close } = await openWithFiles<keyof typeof sizes, PageStore>({
        driver, files: Object.fromEntries(wanted) as Record<keyof typeof sizes, { path: string; size: number }>,
        open: (files) => PageStore.open({ ...files, create: true, blockMs: Infinity }),
      });
      return {
        write: (text) => store.put(Buffer.from(text), Buffer.from('1')),
        read: () => {
          using snapshot = store.snapshot();
          const cursor = snapshot.cursor();
          const texts: string[] = [];
          for (let entry = cursor.next(); entry !== undefined; entry = cursor.next()) {
            texts.push(Buffer.from(entry.key).toString());
          }
          return Promise.resolve(texts);
        },
        close: async () => { await store.close(); await close(); },
      };
    },
  },
  'Level database': {
    open: async (driver) => {
      const db = new PmemLevel('/pmem0/db', { driver, logBytes: LOG_BYTES, blockMs: Infinity });
      await db.open();
      return { write: (text) => db.put(text, '1'), read: () => db.keys().all(), close: () => db.close() };
    },
  },
};

class Scene {
  readonly driver: MockDriver;
  readonly server = new SimulatedServer();
  readonly acknowledged: string[] = [];
  readonly tried: string[] = [];
  readonly having = new Set<MockProcess>();
  /** A call was made to fail, or a page went bad: a process may give up with an error of its own. */
  disturbed = false;

  constructor(seed: number) {
    this.driver = mockDriver({ seed, capacityBytes: 1024 * PAGE });
  }

  noteEvent({ effect }: ScheduledEvent): void {
    if (!['turn', 'kill', 'crash'].includes(effect)) this.disturbed = true;
  }
}

/** Opens the engine, writes one record, and closes it; or is refused because the other has it, or is about to. */
async function openAndWrite({ open }: Kind, scene: Scene, process: MockProcess): Promise<void> {
  const { having, acknowledged } = scene;
  let engine: Opened;
  try {
    engine = await open(process, scene.server);
  } catch (error) {
    if (isRefusal(error) || (scene.disturbed && isOwn(error))) return;
    throw error;
  }
  having.add(process);
  if ([...having].filter(({ alive }) => alive).length > 1) throw new Error('two processes have it open');
  const text = `of ${process.name}`;
  scene.tried.push(text);
  await unlessDisturbed(scene, async () => {
    await engine.write(text);
    acknowledged.push(text);
  });
  having.delete(process);
  await unlessDisturbed(scene, () => engine.close());
}

async function unlessDisturbed(scene: Scene, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!scene.disturbed || !isOwn(error)) throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return causesOf(error).find((cause) => cause instanceof PmemError)?.code === 'ERR_PMEM_LOCKED';
}

/** The error of a file or of an engine; none of the language. */
function isOwn(error: unknown): boolean {
  return causesOf(error).some((cause) => cause instanceof PmemError || cause instanceof EngineError);
}

/** A Level wraps what its files throw, and this database wraps that once more. */
function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) causes.push(cause);
  return causes;
}

export function opensOf(kind: Kind, isThere: boolean): Interleaving<Scene> {
  return {
    prep: async (seed) => {
      const scene = new Scene(seed);
      if (!isThere) return scene;
      const engine = await kind.open(scene.driver, scene.server);
      await engine.write('before');
      scene.tried.push('before');
      scene.acknowledged.push('before');
      await engine.close();
      return scene;
    },
    bodies: [0, 1].map(() => (scene: Scene, process: MockProcess) => openAndWrite(kind, scene, process)),
    check: async (scene) => {
      for (const name of ['a', 'b']) scene.driver.process(name).kill();
      const engine = await kind.open(scene.driver, scene.server);
      const texts = await engine.read();
      for (const text of texts) if (!scene.tried.includes(text)) throw new Error(`'${text}' was never written`);
      requireAll(texts, scene.acknowledged);
      await engine.write('afterwards');
      // What a killed process has stored can be read, and is not durable for that.
      scene.driver.crash('lose-all');
      const again = await kind.open(scene.driver, scene.server);
      requireAll(await again.read(), [...texts, 'afterwards']);
      await again.close();
    },
    onEvent: (scene, event) => { scene.noteEvent(event); },
  };
}

function requireAll(texts: readonly string[], wanted: readonly string[]): void {
  for (const text of wanted) if (!texts.includes(text)) throw new Error(`'${text}' is gone`);
  if (new Set(texts).size !== texts.length) throw new Error(`a record is there twice: ${texts.join(', ')}`);
}

// Poison in a repair journal is a question to PmemFile, which is asked there: packages/mock/explore.
const files = (path: string): boolean => !path.includes('.repair');

const WAYS: Readonly<Record<string, EveryInterleavingOptions>> = {
  'every order': {},
  'every order, kill': { kill: true },
  'every order, crash': { crash: true },
  'every order, fault': { fault: true },
  'every order, poison': { poison: true, files },
};

/** Of each target at least so many states in a full run. */
export const statesEach = 1000;

export const targets: readonly ExplorationTarget[] = Object.entries(KINDS).flatMap(([name, kind]) =>
  [false, true].flatMap((isThere) => {
    const interleaving = opensOf(kind, isThere);
    return Object.entries(WAYS).map(([way, options]): ExplorationTarget => ({
      name: `opens of a ${name}${isThere ? ' that is there' : ''}, ${way}`,
      run: (explore) => everyInterleaving(interleaving, { ...options, ...explore }),
      replay: (schedule) => replaySchedule(interleaving, schedule),
    }));
  }),
);
