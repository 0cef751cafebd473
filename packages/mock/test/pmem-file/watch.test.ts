import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ByteRange, FileWatch, WatchEvent } from '@safe-pmem/core';
import { MediaError, PmemError, PmemFile, WATCH_CHANNEL } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver, MockProcess } from '../../src/index.js';
import { everyInterleaving, mockDriver } from '../../src/index.js';
import { IS_WHOLE } from '../share.js';
import { content, filled, PAGE, PATH } from './opened.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);

function page(number: number, count = 1): ByteRange {
  return { offset: number * PAGE, length: count * PAGE };
}

/** Lets the notices that are on their way arrive: they take some turns of the microtask queue, and no timer. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}

async function watched(driver: MockDriver): Promise<{ file: PmemFile; events: WatchEvent[]; watch: FileWatch }> {
  const file = await filled(driver, 16 * PAGE);
  const events: WatchEvent[] = [];
  const watch = await file.watch((event) => {
    events.push(event);
  });
  return { file, events, watch };
}

describe('watch', () => {
  it('says what the kernel has learned, in order, and the bytes are known before anything touches them', async () => {
    const driver = mockDriver();
    const { file, events } = await watched(driver);
    // Pages that are mapped stay mapped, so that a load would succeed: only what is known keeps it from being made.
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 }, { keepMapped: true });
    await settled();
    driver.poison(PATH, { offset: 7 * PAGE + 100, length: PAGE });
    await settled();
    expect(events).toEqual([
      { kind: 'new', ranges: [page(2)] },
      { kind: 'new', ranges: [page(7, 2)] },
    ]);
    expect(() => {
      file.read(new Uint8Array(8), 2 * PAGE);
    }).toThrow(expect.objectContaining({ source: 'known' }) as Error);
  });

  it('makes one event of changes that come together', async () => {
    const driver = mockDriver();
    const { events } = await watched(driver);
    for (const number of [1, 2, 9]) driver.poison(PATH, page(number));
    await settled();
    expect(events).toEqual([{ kind: 'new', ranges: [page(1, 2), page(9)] }]);
  });

  it('notices a clear by repair() and one by another process, and the bytes can be read', async () => {
    const driver = mockDriver();
    const { file, events } = await watched(driver);
    driver.poison(PATH, page(3, 2));
    await settled();
    await file.repair([page(3)], { fill: 1 });
    await settled();
    driver.overwrite(PATH, content(PAGE), 4 * PAGE);
    await settled();
    expect(events.slice(1)).toEqual([
      { kind: 'cleared', ranges: [page(3)] },
      { kind: 'cleared', ranges: [page(4)] },
    ]);
    const bytes = new Uint8Array(PAGE);
    file.read(bytes, 4 * PAGE);
    expect(bytes).toEqual(content(PAGE));
  });

  it('hears of what another file has lost, and says nothing', async () => {
    const driver = mockDriver();
    const { events } = await watched(driver);
    driver.writeFile('/pmem/other', content(PAGE));
    driver.poison('/pmem/other', page(0));
    await settled();
    expect(events).toEqual([]);
  });

  it('takes over what is listed when it begins without an event', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 16 * PAGE);
    driver.poison(PATH, page(5));
    const events: WatchEvent[] = [];
    await file.watch((event) => {
      events.push(event);
    });
    driver.poison(PATH, page(6));
    await settled();
    expect(events).toEqual([{ kind: 'new', ranges: [page(6)] }]);
    expect(() => {
      file.read(new Uint8Array(8), 5 * PAGE);
    }).toThrow(MediaError);
  });

  it('notices what changes while it begins', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 16 * PAGE);
    driver.poison(PATH, page(5));
    // The list has been read by then, and page 9 was not on it.
    const stop = driver.observe(({ name }) => {
      if (name !== 'extents') return undefined;
      stop();
      driver.poison(PATH, page(9));
      return undefined;
    });
    const events: WatchEvent[] = [];
    await file.watch((event) => { events.push(event); });
    await settled();
    expect(events).toEqual([{ kind: 'new', ranges: [page(9)] }]);
  });

  it('does not begin where the list can be watched and not read', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    let reads = 0;
    driver.observe(({ name }) => (name === 'badBlocks' && ++reads > 1 ? { errno: 13 } : undefined));
    await expect(file.watch(() => undefined)).rejects.toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED' });
  });

  it('says that the list cannot be read once, and goes on when it can', async () => {
    const driver = mockDriver();
    const { events } = await watched(driver);
    const stop = driver.observe(({ name }) => (name === 'badBlocks' ? { errno: 13 } : undefined));
    driver.poison(PATH, page(1));
    await settled();
    driver.poison(PATH, page(3));
    await settled();
    stop();
    driver.poison(PATH, page(5));
    await settled();
    expect(events.map(({ kind }) => kind)).toEqual(['unsupported', 'new']);
    expect(events[1]).toMatchObject({ ranges: [page(1), page(3), page(5)] });
  });

  it('tells the diagnostics channel as well', async () => {
    const driver = mockDriver();
    const notices: unknown[] = [];
    const listen = (notice: unknown): void => {
      notices.push(notice);
    };
    subscribe(WATCH_CHANNEL, listen);
    await watched(driver);
    driver.poison(PATH, page(1));
    await settled();
    unsubscribe(WATCH_CHANNEL, listen);
    expect(notices).toEqual([{ path: PATH, event: { kind: 'new', ranges: [page(1)] } }]);
  });

  it.each([
    [
      'close()',
      async ({ watch }: { watch: FileWatch }) => {
        watch.close();
        watch.close();
        await Promise.resolve();
      },
    ],
    [
      'await using',
      async ({ watch }: { watch: FileWatch }) => {
        await watch[Symbol.asyncDispose]();
      },
    ],
    [
      'close() of the file',
      async ({ file }: { file: PmemFile }) => {
        await file.close();
      },
    ],
  ])('ends with %s', async (_, end) => {
    const driver = mockDriver();
    const { file, events, watch } = await watched(driver);
    driver.poison(PATH, page(1));
    await end({ file, watch });
    driver.poison(PATH, page(2));
    await settled();
    expect(events).toEqual([]);
  });

  it('ends with its signal, and does not begin with one that is aborted', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    const controller = new AbortController();
    const events: WatchEvent[] = [];
    await file.watch(
      (event) => {
        events.push(event);
      },
      { signal: controller.signal },
    );
    controller.abort(new Error('enough'));
    driver.poison(PATH, page(2));
    await settled();
    expect(events).toEqual([]);
    await expect(file.watch(() => undefined, { signal: controller.signal })).rejects.toThrow('enough');
  });

  it('refuses where there is no list: nothing that cannot be noticed reads as healthy', async () => {
    const driver = mockDriver({ filesystem: 'tmpfs' });
    const file = await filled(driver, 4 * PAGE);
    const error: unknown = await file.watch(() => undefined).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PmemError);
    expect(error).toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED', path: PATH });
  });

  it('ends without a word when power fails', async () => {
    const driver = mockDriver();
    const { events } = await watched(driver);
    driver.poison(PATH, page(1));
    driver.crash('keep-all');
    await settled();
    expect(events).toEqual([]);
  });
});

describe('watch beside a repair by another process', () => {
  interface Scene {
    readonly driver: MockDriver;
    readonly events: WatchEvent[];
    /** The last event that named a page; what was listed when the watch began has none. */
    readonly last: Map<number, string>;
    readonly contradictions: WatchEvent[];
    readonly end: () => void;
    readonly ended: Promise<void>;
  }

  function scene(): Scene {
    const driver = mockDriver({ seed: SEED });
    driver.writeFile(PATH, content(8 * PAGE));
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    return { driver, events: [], last: new Map(), contradictions: [], end, ended };
  }

  function take(state: Scene, event: WatchEvent): void {
    state.events.push(event);
    if (event.kind === 'unsupported') return;
    for (const { offset } of event.ranges) {
      if (state.last.get(offset) === event.kind) state.contradictions.push(event);
      state.last.set(offset, event.kind);
    }
    if (state.last.get(5 * PAGE) === 'new') state.end();
  }

  async function watcher(state: Scene, process: MockProcess): Promise<void> {
    const file = await PmemFile.open(PATH, { driver: process });
    await file.watch((event) => {
      take(state, event);
    });
    const report = await file.badBlocks();
    // Listed before the watch began: there is no event to wait for.
    if (report.status === 'known' && report.ranges.some(({ offset }) => offset === 5 * PAGE)) state.end();
    await state.ended;
    await process.turn(() => {
      expect(() => {
        file.read(new Uint8Array(1), 5 * PAGE);
      }).toThrow(expect.objectContaining({ source: 'known' }) as Error);
    });
    await file.close();
  }

  async function repairer(state: Scene, process: MockProcess): Promise<void> {
    const file = await PmemFile.open(PATH, { driver: process });
    await process.turn(() => {
      state.driver.poison(PATH, page(2));
    });
    await file.repair([page(2)], { fill: 7 });
    await process.turn(() => {
      state.driver.poison(PATH, page(4), { keepMapped: true });
    });
    await file.repair([page(4)], { fill: 7 });
    await file.close();
  }

  it('ends with what is listed in every order, and never says a thing twice', async () => {
    let kinds = new Set<string>();
    const report = await everyInterleaving(
      {
        prep: scene,
        bodies: [
          watcher,
          async (state: Scene, process: MockProcess) => {
            await repairer(state, process);
            await process.turn(() => {
              state.driver.poison(PATH, page(5), { keepMapped: true });
            });
          },
        ],
        check: (state) => {
          expect(state.contradictions).toEqual([]);
          kinds = new Set([...kinds, state.events.map(({ kind }) => kind).join(' ')]);
        },
      },
      { seed: SEED, limit: IS_WHOLE ? 400 : 130 },
    );
    expect(report.states).toBeGreaterThan(100);
    // Slow watchers see changes joined, quick ones see each.
    expect(kinds.size).toBeGreaterThan(2);
  });
});
