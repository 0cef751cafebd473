import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CrashChoice, keepAll, loseAll, mockDriver, SimulatedCrash } from '../src/index.js';
import { expectBytes, JOURNAL, journalFile, loaded, open, P, PAGE, PATH, pattern, physicalOf, preadOf, scenario } from './scenario.js';

const WORD = 8;

describe('power loss', () => {
  it('keeps what was persisted, line by line, and lets the chooser take back the rest', async () => {
    const { driver, file, bytes } = await scenario({ poisonBytes: 0 });
    file.write(pattern(256, 2), 0);
    expect(file.persist(64, 64)).toBeUndefined();
    driver.crash(loseAll);
    const expected = Uint8Array.from(bytes);
    expected.set(pattern(256, 2).subarray(64, 128), 64);
    expectBytes(driver.readFile(PATH), expected);
  });

  it('takes back what a flush did not reach because a page of its range is bad', async () => {
    const { driver, file, bytes } = await scenario();
    file.write(pattern(PAGE, 2), P - PAGE);
    expect(file.persist(P - PAGE, 2 * PAGE)).toMatchObject({ position: P });
    driver.crash(loseAll);
    expectBytes(driver.readFile(PATH).subarray(P - PAGE, P), bytes.subarray(P - PAGE, P));
  });

  it('takes back what was stored to one file when only another was synced', async () => {
    const { driver, file, bytes } = await scenario({ poisonBytes: 0 });
    driver.writeFile('/pmem/other', bytes);
    const other = await open(driver, '/pmem/other');
    file.write(pattern(PAGE, 2), 0);
    other.write(pattern(PAGE, 3), 0);
    expect(await other.sync()).toBeUndefined();
    driver.crash(loseAll);
    expectBytes(driver.readFile(PATH), bytes);
    expectBytes(driver.readFile('/pmem/other').subarray(0, PAGE), pattern(PAGE, 3));
  });

  it('cannot take back what a recovery write has cleared: the bytes from before it are gone', async () => {
    const { driver, file, bytes } = await scenario({ poisonBytes: 0 });
    file.write(pattern(64, 2), P);
    driver.poison(PATH, { offset: P + 512, length: 1 });
    expect((await file.pwrite(pattern(PAGE, 3), P)).transferredBytes).toBe(PAGE);
    driver.crash(loseAll);
    const after = Buffer.from(driver.readFile(PATH).subarray(P, P + 64));
    expect(after.equals(bytes.subarray(P, P + 64))).toBe(false);
  });

  it('keeps everything where the chooser says so', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    file.write(pattern(10 * PAGE, 2), 0);
    driver.crash('keep-all');
    expectBytes(driver.readFile(PATH), pattern(10 * PAGE, 2));
  });

  it('keeps any subset of the unpersisted 8-byte words, and tears no word', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const { driver, file, bytes } = await scenario({ poisonBytes: 0, seed });
      const stored = pattern(4 * 64, 9);
      file.write(stored, 128);
      driver.crash();
      const after = driver.readFile(PATH);
      for (let at = 128; at < 128 + stored.length; at += WORD) {
        const word = Buffer.from(after.subarray(at, at + WORD));
        const old = word.equals(bytes.subarray(at, at + WORD));
        expect(old || word.equals(stored.subarray(at - 128, at - 128 + WORD)), `seed ${seed}: word at ${at}`).toBe(true);
      }
      after.set(bytes.subarray(128, 128 + stored.length), 128);
      expectBytes(after, bytes);
    }
  });

  it('reaches every subset of a line: the choices can be enumerated', async () => {
    const outcomes = new Set<string>();
    for (let answer = 0; answer < 8; answer++) {
      const { driver, file } = await scenario({ poisonBytes: 0 });
      file.write(pattern(3 * WORD, 9), 64);
      const seen: CrashChoice[] = [];
      driver.crash((choice) => {
        seen.push(choice);
        return answer;
      });
      expect(seen).toEqual([{ kind: 'line', alternatives: 8, path: PATH, deviceOffset: physicalOf(driver, 64) }]);
      outcomes.add(Buffer.from(driver.readFile(PATH).subarray(64, 128)).toString('hex'));
    }
    expect(outcomes.size).toBe(8);
  });

  it('refuses an answer that is no alternative', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    file.write(pattern(8, 9), 64);
    expect(() => { driver.crash(() => 2); }).toThrow(RangeError);
  });

  it('makes pwrite volatile until sync', async () => {
    for (const synced of [false, true]) {
      const { driver, file, bytes } = await scenario({ poisonBytes: 0 });
      expect((await file.pwrite(pattern(PAGE, 2), P)).errno).toBe(0);
      if (synced) await file.sync();
      driver.crash(loseAll);
      const page = driver.readFile(PATH).subarray(P, P + PAGE);
      expectBytes(page, synced ? pattern(PAGE, 2) : bytes.subarray(P, P + PAGE));
    }
  });

  it('takes a word that was stored twice back to what was durable', async () => {
    const { driver, file, bytes } = await scenario({ poisonBytes: 0 });
    file.write(pattern(64, 2), 0);
    file.write(pattern(64, 3), 0);
    driver.crash(loseAll);
    expectBytes(driver.readFile(PATH), bytes);
  });

  it('asks nothing about blocks that no file has any more', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    file.write(pattern(64, 2), 0);
    driver.unlink(PATH);
    await file.close();
    await (await open(driver, '/pmem/other', { create: true })).sync();
    driver.crash(({ kind }) => {
      throw new Error(`unexpected ${kind}`);
    });
    expect(driver.listFiles()).toEqual(['/pmem/other']);
  });

  it('leaves open files dead, and the machine usable', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    driver.crash();
    expect(() => file.read(new Uint8Array(1), 0)).toThrow(SimulatedCrash);
    expect(() => file.write(new Uint8Array(1), 0)).toThrow(SimulatedCrash);
    expect(() => file.persist(0, 1)).toThrow(SimulatedCrash);
    await expect(file.pread(new Uint8Array(1), 0)).rejects.toThrow(SimulatedCrash);
    await expect(file.close()).rejects.toThrow(SimulatedCrash);
    expect(loaded(await open(driver), 0, 10)).toEqual(pattern(10));
  });

  it('keeps poison, the list, and gives locks back', async () => {
    const { driver, file } = await scenario();
    expect(file.lock(0, 10)).toBeUndefined();
    driver.crash();
    const again = await open(driver);
    expect(again.lock(0, 10)).toBeUndefined();
    expect((await again.badBlocks())).toMatchObject({ supported: true, ranges: [{ length: PAGE }] });
    expect(again.read(new Uint8Array(1), P)).toBeDefined();
  });

  it('ends the shutdown of XFS', async () => {
    const { driver, file } = await scenario({ filesystem: 'xfs', clearable: false });
    driver.punch(PATH, { offset: P, length: PAGE });
    const victim = await open(driver, '/pmem/victim', { create: true });
    await victim.pwrite(pattern(PAGE), 0);
    expect(await file.sync()).toBeDefined();
    driver.crash();
    expect(await (await open(driver)).sync()).toBeUndefined();
  });

  it('empties tmpfs', async () => {
    const { driver } = await scenario({ filesystem: 'tmpfs', poisonBytes: 0 });
    driver.crash('keep-all');
    expect(driver.listFiles()).toEqual([]);
    expect(driver.freePool.freeBytes).toBe(2 ** 30);
  });
});

describe('power loss and metadata', () => {
  it('may take back what no sync made durable, in order: a first few of the operations happened', async () => {
    const states = new Set<string>();
    for (let kept = 0; kept < 3; kept++) {
      const { driver, file } = await scenario({ poisonBytes: 0 });
      await file.truncate(9 * PAGE);
      await file.zeroRange(0, PAGE);
      driver.crash((choice) => {
        expect(choice.alternatives).toBe(3);
        return kept;
      });
      const after = driver.readFile(PATH);
      states.add(`${after.length} ${after[0] ?? ''}`);
    }
    expect([...states]).toEqual([`${10 * PAGE} ${pattern(1)[0] ?? 0}`, `${9 * PAGE} ${pattern(1)[0] ?? 0}`, `${9 * PAGE} 0`]);
  });

  it('leaves no choice after sync, nor after a MAP_SYNC store fault', async () => {
    for (const how of ['sync', 'store'] as const) {
      const { driver, file } = await scenario({ poisonBytes: 0 });
      await file.zeroRange(0, PAGE);
      if (how === 'sync') await file.sync();
      else {
        file.write(Uint8Array.of(5), 0);
        file.persist(0, 1);
      }
      driver.crash((choice) => {
        throw new Error(`unexpected ${choice.kind}`);
      });
      expect(driver.readFile(PATH)[0]).toBe(how === 'sync' ? 0 : 5);
    }
  });

  it('gives a relocated page its old block back, poison and all', async () => {
    const { driver, file } = await scenario({ filesystem: 'xfs' });
    const physical = physicalOf(driver, P);
    await file.zeroRange(P, PAGE);
    await file.pwrite(pattern(PAGE, 2), P);
    driver.crash(loseAll);
    expect(physicalOf(driver, P)).toBe(physical);
    expect(driver.freePool.poisoned).toEqual([]);
    expect((await open(driver)).read(new Uint8Array(1), P)).toBeDefined();
  });

  it('between clearing and writing leaves a page that reads cleanly with arbitrary content', async () => {
    const { driver, file, bytes } = await scenario();
    driver.observe(({ step }) => (step === 'cleared' ? { crash: true } : undefined));
    await expect(file.pwrite(pattern(PAGE, 2), P)).rejects.toThrow(SimulatedCrash);
    const again = await open(driver);
    const { bytes: page, errno } = await preadOf(again, P, PAGE);
    expect(errno).toBe(0);
    for (const known of [bytes.subarray(P, P + PAGE), pattern(PAGE, 2), new Uint8Array(PAGE)]) {
      expect(Buffer.compare(page, known)).not.toBe(0);
    }
  });

  it('ext4, after zero-range, write and a crash that undoes both: the media was zeroed, so the lost bytes read as zeros', async () => {
    const { driver, file } = await scenario();
    await file.zeroRange(P, PAGE);
    await file.pwrite(pattern(PAGE, 2), P);
    driver.crash(loseAll);
    expectBytes(loaded(await open(driver), P, PAGE), new Uint8Array(PAGE));
  });

  it('never loses or doubles a block, whatever happened and whatever survived', async () => {
    const capacityBytes = 64 * PAGE;
    const step = fc.oneof(
      fc.record({ kind: fc.constant('store' as const), page: fc.nat(15) }),
      fc.record({ kind: fc.constant('zero' as const), page: fc.nat(15) }),
      fc.record({ kind: fc.constant('pwrite' as const), page: fc.nat(20) }),
      fc.record({ kind: fc.constant('truncate' as const), page: fc.nat(20) }),
      fc.record({ kind: fc.constant('journal' as const), page: fc.nat(3) }),
      fc.record({ kind: fc.constant('sync' as const), page: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer(), fc.boolean(), async (steps, seed, xfs) => {
        const driver = mockDriver({ capacityBytes, seed, filesystem: xfs ? 'xfs' : 'ext4' });
        for (let life = 0; life < 2; life++) {
          const file = await open(driver, PATH, { create: true, sizeBytes: 16 * PAGE });
          for (const { kind, page } of steps) {
            if (kind === 'store' && (page + 1) * PAGE <= file.mappedBytes) file.write(pattern(20), page * PAGE);
            else if (kind === 'zero') await file.zeroRange(page * PAGE, PAGE);
            else if (kind === 'pwrite') await file.pwrite(pattern(PAGE), page * PAGE);
            else if (kind === 'truncate') await file.truncate(page * PAGE);
            else if (kind === 'journal') await file.writeJournal(JOURNAL, journalFile(pattern(page * PAGE + 1)));
            else if (kind === 'sync') await file.sync();
          }
          driver.crash();
          const owned = driver.listFiles().flatMap((path) => {
            const blocks: number[] = [];
            for (let page = 0; page < 64; page++) {
              const physical = driver.physicalOf(path, page * PAGE);
              if (physical !== undefined) blocks.push(physical);
            }
            return blocks;
          });
          expect(new Set(owned).size).toBe(owned.length);
          expect(driver.freePool.freeBytes).toBe(capacityBytes - owned.length * PAGE);
          for (const { offset, length } of driver.freePool.ranges) {
            expect(owned.some((block) => block >= offset && block < offset + length)).toBe(false);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('journal under a crash', () => {
  const old = pattern(5000, 1);
  const next = pattern(9000, 2);

  it('is old or new at every crash point, with every choice', async () => {
    const found = new Set<string>();
    const crashPoints = new Set<number>();
    for (const chooser of [keepAll, loseAll]) {
      for (let at = 1; at <= 4; at++) {
        const driver = mockDriver();
        const file = await open(driver, PATH, { create: true, sizeBytes: PAGE });
        await file.writeJournal(JOURNAL, journalFile(old));
        let points = 0;
        const stop = driver.observe(() => (++points === at ? { crash: true, chooser } : undefined));
        const outcome = await file.writeJournal(JOURNAL, journalFile(next)).catch((error: unknown) => error);
        if (outcome instanceof SimulatedCrash) crashPoints.add(at);
        else driver.crash(chooser);
        stop();
        const journal = await (await open(driver)).readJournal(JOURNAL, 1 << 20);
        const bytes = journal.status === 'present' ? Buffer.from(journal.bytes) : Buffer.alloc(0);
        expect(bytes.equals(next) || (bytes.equals(old) && at < 4), `crash point ${at}: ${journal.status}`).toBe(true);
        found.add(bytes.equals(old) ? 'old' : 'new');
      }
    }
    expect([...crashPoints]).toEqual([1, 2, 3]);
    expect([...found].sort()).toEqual(['new', 'old']);
  });

  it('is replaced in one step: between rename and fsync of the directory there are two outcomes', async () => {
    for (let kept = 0; kept < 2; kept++) {
      const driver = mockDriver();
      const file = await open(driver, PATH, { create: true, sizeBytes: PAGE });
      await file.writeJournal(JOURNAL, journalFile(old));
      driver.observe(({ step }) =>
        step === 'renamed'
          ? {
              crash: true,
              chooser: (choice) => {
                expect(choice).toEqual({ kind: 'metadata', alternatives: 2 });
                return kept;
              },
            }
          : undefined,
      );
      await expect(file.writeJournal(JOURNAL, journalFile(next))).rejects.toThrow(SimulatedCrash);
      const journal = (await open(driver)).readJournalSync(JOURNAL, 1 << 20);
      expect(journal.status === 'present' && Buffer.from(journal.bytes).equals(kept === 0 ? old : next)).toBe(true);
    }
  });

  it('is there or gone after a crash in its removal', async () => {
    const found = new Set<string>();
    for (const chooser of [keepAll, loseAll]) {
      const driver = mockDriver();
      const file = await open(driver, PATH, { create: true, sizeBytes: PAGE });
      file.writeJournalSync(JOURNAL, journalFile(old));
      driver.observe(({ step }) => (step === 'removed' ? { crash: true, chooser } : undefined));
      expect(() => file.removeJournalSync(JOURNAL)).toThrow(SimulatedCrash);
      found.add((await open(driver)).readJournalSync(JOURNAL, 1 << 20).status);
    }
    expect([...found].sort()).toEqual(['absent', 'present']);
  });
});
