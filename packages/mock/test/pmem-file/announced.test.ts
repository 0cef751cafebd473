/** Media errors that the kernel announces where its list will never have them (BUS_MCEERR_AO). */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ByteRange, Driver, WatchEvent } from '@safe-pmem/core';
import { MediaError, PmemFile, WATCH_CHANNEL } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver, MockOptions, MockProcess } from '../../src/index.js';
import { everyInterleaving, mockDriver } from '../../src/index.js';
import { changing, content, filled, PAGE, PATH } from './opened.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
/** As on e820, virtio-pmem and CXL. */
const UNLISTED: MockOptions = { listsConsumedErrors: false };
const ANNOUNCED = { announced: true };
const MIB = 2 ** 20;

function page(number: number, count = 1): ByteRange {
  return { offset: number * PAGE, length: count * PAGE };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}

async function watching(file: PmemFile): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  await file.watch((event) => { events.push(event); });
  return events;
}

/** Every page is mapped, as the kernel announces those alone. */
function touchAll(file: PmemFile): void {
  file.read(new Uint8Array(file.size), 0);
}

describe('an announced error that the kernel does not list', () => {
  it('is an event and known, before anything touches the page', async () => {
    const driver = mockDriver(UNLISTED);
    const file = await filled(driver, 16 * PAGE);
    touchAll(file);
    const events = await watching(file);
    const notices: unknown[] = [];
    const listen = (notice: unknown): void => { notices.push(notice); };
    subscribe(WATCH_CHANNEL, listen);
    driver.poison(PATH, { offset: 5 * PAGE + 64, length: 64 }, ANNOUNCED);
    await settled();
    unsubscribe(WATCH_CHANNEL, listen);
    expect(events).toEqual([{ kind: 'announced', ranges: [page(5)] }]);
    expect(notices).toEqual([{ path: PATH, event: events[0] }]);
    expect(await file.badBlocks()).toEqual({ status: 'none' });
    const accesses: string[] = [];
    const stop = driver.observe(({ name }) => { accesses.push(name); return undefined; });
    expect(() => { file.read(new Uint8Array(8), 5 * PAGE); }).toThrow(
      expect.objectContaining({ source: 'known', ranges: [page(5)] }) as Error,
    );
    stop();
    expect(accesses).not.toContain('read');
    file.read(new Uint8Array(PAGE), 4 * PAGE);
  });

  it('is announced to every file and every watch of it in the process, once', async () => {
    const driver = mockDriver(UNLISTED);
    const file = await filled(driver, 16 * PAGE);
    touchAll(file);
    const second = await PmemFile.open(PATH, { driver });
    const heard = [await watching(file), await watching(file), await watching(second)];
    driver.poison(PATH, page(5), ANNOUNCED);
    driver.poison(PATH, page(5), ANNOUNCED);
    await settled();
    for (const events of heard) expect(events).toEqual([{ kind: 'announced', ranges: [page(5)] }]);
    expect(() => { second.read(new Uint8Array(1), 5 * PAGE); }).toThrow(MediaError);
  });

  it('is one event if the kernel names two mappings of the page', async () => {
    const mock = mockDriver(UNLISTED);
    const twice = changing(mock, (file) => {
      const watchMemory = file.watchMemory.bind(file);
      file.watchMemory = (lost) => watchMemory((range) => {
        lost(range);
        lost(range);
      });
    });
    mock.writeFile(PATH, content(16 * PAGE));
    const file = await PmemFile.open(PATH, { driver: twice });
    touchAll(file);
    const events = await watching(file);
    mock.poison(PATH, page(5), ANNOUNCED);
    await settled();
    expect(events).toEqual([{ kind: 'announced', ranges: [page(5)] }]);
  });

  it('of a page that is not mapped is not announced: the access that maps it meets it', async () => {
    const driver = mockDriver(UNLISTED);
    const file = await filled(driver, 16 * PAGE);
    file.read(new Uint8Array(1), 0);
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    const events = await watching(again);
    driver.poison(PATH, page(5), ANNOUNCED);
    await settled();
    expect(events).toEqual([]);
  });

  it('is listed if root enters it, and then it can be cleared, and each is said', async () => {
    const driver = mockDriver(UNLISTED);
    const file = await filled(driver, 16 * PAGE);
    touchAll(file);
    const events = await watching(file);
    driver.poison(PATH, page(5), ANNOUNCED);
    await settled();
    await expect(file.repair([page(5)], { fill: 7 })).rejects.toMatchObject({ code: 'ERR_PMEM_HELD_BACK' });
    const offset = driver.physicalOf(PATH, 5 * PAGE) ?? 0;
    await driver.devices.report('259:0', { offset, length: PAGE });
    await settled();
    await file.repair([page(5)], { fill: 7 });
    await settled();
    expect(events.map(({ kind }) => kind)).toEqual(['announced', 'new', 'cleared']);
    for (const event of events) expect(event).toMatchObject({ ranges: [page(5)] });
    // Once mended, it may go bad again.
    touchAll(file);
    driver.poison(PATH, page(5), ANNOUNCED);
    await settled();
    expect(events[3]).toEqual({ kind: 'announced', ranges: [page(5)] });
  });

  it('in 2 MiB that one entry maps is that of the page which pread refuses', async () => {
    const driver = mockDriver({ ...UNLISTED, placement: ({ offset }) => 64 * MIB + offset });
    driver.writeFile(PATH, content(4 * MIB));
    const file = await PmemFile.open(PATH, { driver, hugePages: 'allow' });
    touchAll(file);
    const events = await watching(file);
    driver.poison(PATH, page(700), ANNOUNCED);
    await settled();
    expect(events).toEqual([{ kind: 'announced', ranges: [page(700)] }]);
    file.read(new Uint8Array(PAGE), 699 * PAGE);
  });

  it('in 2 MiB of which pread refuses no page is said to be somewhere there, and no byte is called bad', async () => {
    // Before Linux 5.19 the kernel keeps such a page in its own map.
    const driver = mockDriver({ ...UNLISTED, kernel: '5.10', placement: ({ offset }) => 64 * MIB + offset });
    driver.writeFile(PATH, content(4 * MIB));
    const file = await PmemFile.open(PATH, { driver, hugePages: 'allow' });
    touchAll(file);
    const events = await watching(file);
    const stop = driver.observe(({ name }) => (name === 'pread' ? { errno: 0 } : undefined));
    driver.poison(PATH, page(700), ANNOUNCED);
    await settled();
    stop();
    expect(events.map(({ kind }) => kind)).toEqual(['unsupported']);
    expect(events[0]).toMatchObject({ reason: expect.stringContaining('[2097152, 4194304)') as string });
  });

  it('is not heard of after the watch has ended', async () => {
    const driver = mockDriver(UNLISTED);
    const file = await filled(driver, 16 * PAGE);
    touchAll(file);
    const events: WatchEvent[] = [];
    const watch = await file.watch((event) => { events.push(event); });
    const other = await watching(file);
    watch.close();
    driver.poison(PATH, page(5), ANNOUNCED);
    await settled();
    expect(events).toEqual([]);
    expect(other).toHaveLength(1);
  });
});

describe('a watch says whether errors are announced to it', () => {
  async function announcementsOn(driver: Driver): Promise<unknown> {
    const file = await PmemFile.open(PATH, { driver, create: true, size: 4 * PAGE });
    return (await file.watch(() => undefined)).announcements;
  }

  it('no: where the bus lists them', async () => {
    const reason = expect.stringMatching(/not needed/) as string;
    expect(await announcementsOn(mockDriver({ clearable: false }))).toEqual({ supported: false, reason });
  });

  it('no: without DAX, where the page cache has lost a page and not the file', async () => {
    const mock = mockDriver(UNLISTED);
    const throughCache = changing(mock, (file) => {
      Object.defineProperty(file, 'facts', { value: { ...file.facts, dax: false } });
    });
    const reason = expect.stringMatching(/not on DAX/) as string;
    expect(await announcementsOn(throughCache)).toEqual({ supported: false, reason });
  });

  it('yes: on e820', async () => {
    const driver = mockDriver(UNLISTED);
    const file = await filled(driver, 4 * PAGE);
    const watch = await file.watch(() => undefined);
    expect(watch.announcements).toEqual({ supported: true });
  });
});

it('takes one listener of a signal for any number of watches: Node warns of an eleventh', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error): void => { warnings.push(warning); };
  process.on('warning', warned);
  const driver = mockDriver();
  const file = await filled(driver, 4 * PAGE);
  const controller = new AbortController();
  const events: WatchEvent[] = [];
  for (let i = 0; i < 50; i++) {
    await file.watch((event) => { events.push(event); }, { signal: controller.signal });
  }
  await settled();
  process.off('warning', warned);
  expect(warnings).toEqual([]);
  controller.abort();
  driver.poison(PATH, page(1));
  await settled();
  expect(events).toEqual([]);
});

describe('announcements and the list, in every order', () => {
  interface Scene {
    readonly driver: MockDriver;
    readonly events: WatchEvent[];
    readonly heard: Map<number, string[]>;
    end: () => void;
    readonly ended: Promise<void>;
  }

  function scene(): Scene {
    const driver = mockDriver({ seed: SEED, ...UNLISTED });
    driver.writeFile(PATH, content(8 * PAGE));
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => { end = resolve; });
    return { driver, events: [], heard: new Map(), end, ended };
  }

  function take(state: Scene, event: WatchEvent): void {
    state.events.push(event);
    if (event.kind === 'unsupported') return;
    for (const { offset, length } of event.ranges) {
      for (let at = offset; at < offset + length; at += PAGE) {
        const said = state.heard.get(at / PAGE) ?? [];
        state.heard.set(at / PAGE, [...said, event.kind]);
      }
    }
    if (state.heard.has(6)) state.end();
  }

  it('each error is said once, becomes known, and what is cleared is said after it', async () => {
    let kinds = new Set<string>();
    const report = await everyInterleaving(
      {
        prep: scene,
        bodies: [
          async (state: Scene, process: MockProcess) => {
            const file = await PmemFile.open(PATH, { driver: process });
            try {
              touchAll(file);
            } catch (error) {
              // It came first, and this process has met it.
              expect(error).toBeInstanceOf(MediaError);
            }
            await file.watch((event) => { take(state, event); });
            if ((await file.badBlocks()).status === 'known') state.end();
            await state.ended;
            await process.turn(() => {
              for (const at of [2, 4]) {
                if (!state.heard.has(at)) continue;
                expect(() => { file.read(new Uint8Array(1), at * PAGE); }).toThrow(
                  expect.objectContaining({ source: 'known' }) as Error,
                );
              }
            });
            await file.close();
          },
          async (state: Scene, process: MockProcess) => {
            const { driver } = state;
            await process.turn(() => { driver.poison(PATH, page(2), ANNOUNCED); });
            const offset = driver.physicalOf(PATH, 2 * PAGE) ?? 0;
            await process.turn(() => { driver.poison(PATH, page(4), ANNOUNCED); });
            await process.devices.report('259:0', { offset, length: PAGE });
            await process.turn(() => { driver.poison(PATH, page(6), { keepMapped: true }); });
          },
        ],
        check: (state) => {
          for (const said of state.heard.values()) {
            expect(['new', 'announced', 'announced new']).toContain(said.join(' '));
          }
          kinds = new Set([...kinds, JSON.stringify(state.events)]);
        },
      },
      { seed: SEED, limit: 300 },
    );
    expect(report.states).toBeGreaterThan(50);
    expect(kinds.size).toBeGreaterThan(2);
  });
});
