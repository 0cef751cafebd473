/** What other openers of the same file do while one repairs it, resizes it or opens it. */
import { Errno, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { loseAll, type MockDriver, type MockOptions, mockDriver } from '../../src/index.js';
import { content, failure, filled, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const size = 8 * PAGE;
const whole = content(size);
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

/** The file of `lengthBytes`, opened by two processes that have their own mappings and locks. */
async function twoOpeners(options: MockOptions = {}, lengthBytes = size): Promise<[MockDriver, PmemFile, PmemFile]> {
  const driver = mockDriver(options);
  await (await filled(driver, lengthBytes)).close();
  return [driver, await openIn(driver, 'a'), await openIn(driver, 'b')];
}

interface Waiting {
  /** Lets the repair go on; resolves with its receipt. */
  readonly finish: () => ReturnType<PmemFile['repair']>;
}

/** A repair of one page that has come as far as its rebuild, and stays there. */
async function repairing(file: PmemFile, page: number): Promise<Waiting> {
  let answer: (bytes: Uint8Array) => void = () => undefined;
  let receipt: ReturnType<PmemFile['repair']> | undefined;
  await new Promise<void>((arrived, failed) => {
    receipt = file.repair(pageOf(page), {
      rebuild: () => new Promise<Uint8Array>((resolve) => {
        answer = resolve;
        arrived();
      }),
    });
    receipt.catch(failed);
  });
  return {
    finish: () => {
      answer(rebuild(pageOf(page)));
      if (receipt === undefined) throw new Error('no repair');
      return receipt;
    },
  };
}

const machines: MockOptions[] = [
  { filesystem: 'ext4' }, { filesystem: 'xfs' }, { filesystem: 'ext4', kernel: '5.10' },
];

describe('a process appends to the file after another one has opened it', () => {
  it.each(machines)('%o: a repair of the page that was the last one keeps what was appended', async (machine) => {
    const lengthBytes = 2 * PAGE + 1000;
    const [driver, a] = await twoOpeners(machine, lengthBytes);
    const appended = new Uint8Array(2 * PAGE).fill(77);
    driver.append(PATH, appended);
    driver.poison(PATH, { offset: 2 * PAGE, length: 64 });
    const { units } = await a.repair({ offset: 2 * PAGE, length: 1 }, {
      // What the page holds beyond the end that `a` knows is lost as well, and its rebuild is asked for it.
      rebuild: ({ offset, length }) => {
        const bytes = new Uint8Array(length).fill(77);
        bytes.set(content(lengthBytes).subarray(offset, offset + length), 0);
        return bytes;
      },
    });
    expect(units.map((unit) => unit.range)).toEqual([{ offset: 2 * PAGE, length: PAGE }]);
    const now = driver.readFile(PATH);
    expect(now.byteLength).toBe(lengthBytes + appended.byteLength);
    expect(Buffer.compare(now.subarray(lengthBytes), appended)).toBe(0);
    expect(Buffer.compare(now.subarray(0, lengthBytes), content(lengthBytes))).toBe(0);
  });

  it.each(machines)('%o: an append while the repair waits for its rebuild is kept as well', async (machine) => {
    const lengthBytes = 3 * PAGE;
    const [driver, a] = await twoOpeners(machine, lengthBytes);
    driver.poison(PATH, { offset: 2 * PAGE, length: 64 });
    const appended = new Uint8Array(PAGE + 50).fill(77);
    let rebuilds = 0;
    await a.repair({ offset: 2 * PAGE, length: 1 }, {
      rebuild: (range) => {
        if (rebuilds++ === 0) driver.append(PATH, appended);
        return part(content(lengthBytes), range);
      },
    });
    const now = driver.readFile(PATH);
    expect(Buffer.compare(now.subarray(0, lengthBytes), content(lengthBytes))).toBe(0);
    expect(Buffer.compare(now.subarray(lengthBytes), appended)).toBe(0);
  });

  it.each(machines)('%o: and one to a last page that is lost, and can be written', async (machine) => {
    const lengthBytes = 2 * PAGE + 100;
    const [driver, a] = await twoOpeners(machine, lengthBytes);
    const tail = { offset: 2 * PAGE, length: 100 };
    driver.poison(PATH, tail);
    await a.repair(tail);
    const appended = new Uint8Array(50).fill(77);
    let rebuilds = 0;
    await a.repair(tail, {
      rebuild: (range) => {
        if (rebuilds++ === 0) driver.append(PATH, appended);
        return part(content(lengthBytes), range);
      },
    });
    const now = driver.readFile(PATH);
    expect(now.subarray(0, lengthBytes)).toEqual(content(lengthBytes));
    expect(now.subarray(lengthBytes)).toEqual(appended);
  });
});

describe('while one process waits in a repair', () => {
  const occupations: [string, (file: PmemFile) => unknown][] = [
    ['does nothing else', () => undefined],
    ['persists a store over an older loss', (file) => {
      file.write(new Uint8Array(PAGE).fill(3), PAGE);
      file.persist(PAGE, PAGE);
    }],
    ['does so asynchronously', (file) => {
      file.write(new Uint8Array(PAGE).fill(3), PAGE);
      return file.persistAsync(PAGE, PAGE);
    }],
    ['reads the older loss', (file) => failure('ERR_PMEM_LOST', () => read(file, PAGE, 1))],
    ['reads an unfinished page', (file) => failure('ERR_PMEM_MEDIA', () => read(file, 4 * PAGE, 1))],
    ['asks for bad blocks', (file) => file.badBlocks()],
    ['is refused a resize', (file) => failure('ERR_PMEM_LOCKED', () => file.resize(2 * size))],
  ];
  it.each(occupations)('and meanwhile %s, a second repair is refused until the first has ended', async (_, occupy) => {
    const [driver, a, b] = await twoOpeners({ filesystem: 'xfs' });
    driver.poison(PATH, pageOf(1));
    await a.repair(pageOf(1));
    driver.poison(PATH, pageOf(4));
    const stop = driver.observe(({ name }) => (name === 'sync' ? { errno: Errno.EIO } : undefined));
    await failure('ERR_PMEM_REPAIR_FAILED', () => a.repair(pageOf(4), { fill: 4 }));
    stop();
    driver.poison(PATH, pageOf(6));
    const first = await repairing(a, 6);
    const asksAgain = { rebuild: (): Uint8Array => new Uint8Array(PAGE).fill(9) };
    await failure('ERR_PMEM_LOCKED', () => b.repair(pageOf(6), asksAgain));
    await occupy(a);
    await failure('ERR_PMEM_LOCKED', () => b.repair(pageOf(6), asksAgain));
    await first.finish();
    expect(read(b, 6 * PAGE, PAGE)).toEqual(rebuild(pageOf(6)));
    expect((await b.repair(pageOf(6), asksAgain)).units).toMatchObject([{ outcome: 'healthy' }]);
    b.write(new Uint8Array(PAGE).fill(99), 6 * PAGE);
    b.persist(6 * PAGE, PAGE);
    for (const file of [a, b]) await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, 6 * PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(99));
  });

  it('a resize by another process is refused, and changes nothing', async () => {
    const [driver, a, b] = await twoOpeners();
    driver.poison(PATH, pageOf(6));
    const first = await repairing(a, 6);
    await failure('ERR_PMEM_LOCKED', () => b.resize(2 * size));
    expect(driver.readFile(PATH).byteLength).toBe(size);
    await first.finish();
    await b.resize(2 * size);
    expect(driver.readFile(PATH).byteLength).toBe(2 * size);
  });

  it('a process that dies frees the file: the next repair does what it left', async () => {
    const [driver, a, b] = await twoOpeners();
    driver.poison(PATH, pageOf(6));
    await repairing(a, 6);
    await failure('ERR_PMEM_LOCKED', () => b.repair(pageOf(6), { rebuild }));
    driver.process('a').kill();
    await b.repair(pageOf(6), { rebuild });
    expect(read(b, 0, size)).toEqual(whole);
  });
});

describe('a process resizes a file of which another one has recorded a loss', () => {
  it.each([2 * size, size - PAGE])('to %i bytes: the loss stays a loss', async (sizeBytes) => {
    const [driver, a, b] = await twoOpeners();
    driver.poison(PATH, pageOf(1));
    await a.repair(pageOf(1));
    driver.poison(PATH, pageOf(5));
    await b.repair(pageOf(5));
    await a.resize(sizeBytes);
    for (const file of [a, b]) await file.close();
    const again = await PmemFile.open(PATH, { driver });
    for (const page of [1, 5]) await failure('ERR_PMEM_LOST', () => read(again, page * PAGE, 1));
    expect(read(again, 2 * PAGE, 3 * PAGE)).toEqual(part(whole, { offset: 2 * PAGE, length: 3 * PAGE }));
  });
});

describe('a process opens the file while another one repairs it', () => {
  it.each([true, false])('between every two calls of the opening, the repair ends and newer bytes are stored: they stay; its bytes in the journal: %s', async (journalRebuilt) => {
    const newer = new Uint8Array(PAGE).fill(99);
    for (let call = 1; ; call++) {
      const driver = mockDriver({ filesystem: 'xfs' });
      await (await filled(driver, size)).close();
      const a = await openIn(driver, 'a');
      driver.poison(PATH, pageOf(6));
      // What an opener finds in the middle of the repair: the intent, and nothing of the page yet.
      const stop = driver.observe(({ name, process }) => (name === 'pwrite' && process === 'a' ? { errno: Errno.EIO } : undefined));
      await failure('ERR_PMEM_REPAIR_FAILED', () => a.repair(pageOf(6), { rebuild, journalRebuilt, strategy: 'zero-range' }));
      stop();
      const outcome = { isStored: false };
      let calls = 0;
      let ended: Promise<void> | undefined;
      const end = async (): Promise<void> => {
        await a.repair(pageOf(6), { rebuild, journalRebuilt });
        a.write(newer, 6 * PAGE);
        a.persist(6 * PAGE, PAGE);
        outcome.isStored = true;
      };
      driver.observe(({ process }) => {
        if (process === 'b' && ++calls === call) ended = end().catch(() => undefined);
        return undefined;
      });
      const b = await openIn(driver, 'b').catch(() => undefined);
      if (ended === undefined) {
        expect(call).toBeGreaterThan(8);
        return;
      }
      await ended;
      const firstByteOf = (file: PmemFile): unknown => {
        try {
          return read(file, 6 * PAGE, 1)[0];
        } catch (error) {
          return (error as { code: string }).code;
        }
      };
      const reader = await PmemFile.open(PATH, { driver, readOnly: true });
      const acknowledged = firstByteOf(reader);
      await reader.close();
      // A unit that no process has finished is lost if the journal had no copy of it.
      const unfinished = journalRebuilt ? whole[6 * PAGE] : 'ERR_PMEM_LOST';
      expect(outcome.isStored ? [99] : [99, whole[6 * PAGE], unfinished], `call ${call}`).toContain(acknowledged);
      for (const file of [a, b]) await file?.close();
      const again = await PmemFile.open(PATH, { driver });
      expect(firstByteOf(again), `call ${call}`).toBe(acknowledged);
    }
  });
});

describe('a page that was met, and that another process has repaired', () => {
  it.each([
    ['badBlocks()', (file: PmemFile) => file.badBlocks()],
    ['resize()', (file: PmemFile) => file.resize(2 * size)],
  ])('can be persisted as soon as %s has found it gone from the list', async (_, ask) => {
    const [driver, a, b] = await twoOpeners({ filesystem: 'xfs' });
    driver.poison(PATH, pageOf(6));
    await failure('ERR_PMEM_MEDIA', () => read(a, 6 * PAGE, 1));
    expect(await a.badBlocks()).toEqual({ status: 'known', ranges: [pageOf(6)] });
    await b.repair(pageOf(6), { rebuild });
    await ask(a);
    a.write(new Uint8Array(PAGE).fill(5), 0);
    a.persist();
  });
});

describe('a repair dies in the middle', () => {
  it('at every call: another process that has the file open goes on, and what it stores after that survives', async () => {
    for (let call = 1; ; call++) {
      const [driver, a, b] = await twoOpeners({ filesystem: 'xfs' });
      driver.poison(PATH, pageOf(6));
      let calls = 0;
      const stop = driver.observe(({ process }) => {
        if (process === 'a' && ++calls === call) driver.process('a').kill();
        return undefined;
      });
      const outcome = await a.repair(pageOf(6), { rebuild }).then(() => 'done', () => 'died');
      stop();
      b.write(new Uint8Array(PAGE).fill(55), 2 * PAGE);
      b.persist(2 * PAGE, PAGE);
      const next = await openIn(driver, 'next');
      await next.repair(pageOf(6), { rebuild });
      next.write(new Uint8Array(PAGE).fill(99), 6 * PAGE);
      next.persist(6 * PAGE, PAGE);
      await b.close();
      await next.close();
      driver.crash(loseAll);
      const again = await PmemFile.open(PATH, { driver });
      expect(read(again, 2 * PAGE, 1), `call ${call}`).toEqual(Uint8Array.of(55));
      expect(read(again, 6 * PAGE, PAGE), `call ${call}`).toEqual(new Uint8Array(PAGE).fill(99));
      expect(driver.listFiles(), `call ${call}`).toEqual([PATH]);
      if (outcome === 'done') {
        expect(call).toBeGreaterThan(8);
        return;
      }
    }
  });
});

describe('another process writes over bytes that a repair had lost', () => {
  const LOST = pageOf(2);
  const news = new Uint8Array(PAGE).fill(99);

  /** Two openers that know of the loss. */
  async function withLoss(): Promise<[MockDriver, PmemFile, PmemFile]> {
    const [driver, a, b] = await twoOpeners();
    driver.poison(PATH, LOST);
    await b.repair(LOST);
    await a.close();
    return [driver, await openIn(driver, 'a'), b];
  }

  function storeNews(file: PmemFile): void {
    file.write(news, LOST.offset);
    file.persist(LOST.offset, LOST.length);
  }

  it.each(['read', 'view'] as const)('at every call of a %s: the fill of the repair never passes for data', async (how) => {
    const outcomes = new Set<string>();
    for (let at = 0, calls = 1; at < calls; at++) {
      const [driver, a, b] = await withLoss();
      calls = 0;
      const stop = driver.observe(() => {
        if (calls++ !== at) return undefined;
        try {
          storeNews(b);
        } catch (error) {
          // The reader holds the lock at this call: the bytes are stored, and still reported lost.
          expect(error).toMatchObject({ code: 'ERR_PMEM_LOCKED' });
        }
        return undefined;
      });
      const found = new Uint8Array(PAGE);
      try {
        if (how === 'read') a.read(found, LOST.offset);
        else a.withView(LOST, (view) => { found.set(view); });
        expect(Buffer.compare(found, news), `stored at call ${at}`).toBe(0);
        outcomes.add('news');
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_PMEM_LOST' });
        outcomes.add('lost');
      }
      stop();
    }
    expect(outcomes).toContain('news');
  });

  it('and a third one repairs another page: they are data for every process that has the file open', async () => {
    const [driver, a, b] = await withLoss();
    storeNews(b);
    driver.poison(PATH, pageOf(5));
    const { finish } = await repairing(await openIn(driver, 'c'), 5);
    expect(read(a, LOST.offset, PAGE)).toEqual(news);
    expect(a.withView(LOST, (view) => view[0])).toBe(99);
    expect((await a.salvage(LOST)).gaps).toEqual([]);
    await finish();
  });

  it('and a third one repairs another page: what no process wrote over stays lost', async () => {
    const [driver, a] = await withLoss();
    driver.poison(PATH, pageOf(5));
    const { finish } = await repairing(await openIn(driver, 'c'), 5);
    await failure('ERR_PMEM_LOST', () => { read(a, LOST.offset, PAGE); });
    expect((await a.salvage(LOST)).gaps).toMatchObject([{ ...LOST, reason: 'lost' }]);
    await finish();
    await failure('ERR_PMEM_LOST', () => { read(a, LOST.offset, PAGE); });
  });
});

describe('another process stores into a unit between the write of its repair and the look at what was written', () => {
  const bad = pageOf(2);

  it.each([
    ['rebuild', '6.12'],
    ['fill', '6.12'],
    ['nothing', '6.12'],
    // There a second way follows where the first one fails.
    ['rebuild', '5.10'],
  ] as const)('what it stored and persisted is kept: %s on %s', async (how, kernel) => {
    const [driver, a, b] = await twoOpeners({ kernel, filesystem: 'ext4' });
    driver.poison(PATH, bad);
    const stored = Uint8Array.of(1, 2, 3, 4);
    const stop = driver.observe(({ name }) => {
      if (name !== 'remap') return undefined;
      stop();
      b.write(stored, bad.offset + 8);
      b.persist(bad.offset + 8, 4);
      return undefined;
    });
    const request = how === 'nothing' ? {} : how === 'fill' ? { fill: 9 } : { rebuild };
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => a.repair(bad, request));
    expect(error.message).toContain('stored there meanwhile');
    expect(read(b, bad.offset + 8, 4)).toEqual(stored);
    if (how !== 'nothing') expect(read(a, bad.offset + 8, 4)).toEqual(stored);
    await a.close();
    const again = await openIn(driver, 'c');
    expect(driver.readFile(PATH).subarray(bad.offset + 8, bad.offset + 12)).toEqual(stored);
    if (how === 'nothing') return;
    const rest = how === 'fill' ? new Uint8Array(PAGE - 12).fill(9) : part(whole, { offset: bad.offset + 12, length: PAGE - 12 });
    expect(read(again, bad.offset + 12, PAGE - 12)).toEqual(rest);
    expect(driver.listFiles()).toEqual([PATH]);
  });
});
