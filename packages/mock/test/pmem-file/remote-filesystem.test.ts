// A network filesystem or a daemon in user space answers for the medium. NFS mounted `soft`, 9p and sshfs say EIO of a
// server that is away: the bytes are there, so nothing is called lost and nothing is written over.
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver } from '../../src/index.js';
import { changing, content, failure, PAGE, pageOf, PATH, read } from './opened.js';

const whole = content(3 * PAGE);

/** An open file of three pages, on a server that gives EIO for the second until comeBack(). */
async function scene(): Promise<{ driver: MockDriver; file: PmemFile; comeBack: () => void }> {
  const driver = mockDriver({ dax: false });
  driver.writeFile(PATH, whole);
  const remote = changing(driver, (opened) => { Object.assign(opened, { facts: { ...opened.facts, remote: true } }); });
  const file = await PmemFile.open(PATH, { driver: remote });
  driver.poison(PATH, pageOf(1));
  return { driver, file, comeBack: () => { driver.overwrite(PATH, whole.subarray(PAGE, 2 * PAGE), PAGE); } };
}

describe('a server that is away says EIO', () => {
  it('ERR_PMEM_IO, nothing is remembered, and all is there when it is back', async () => {
    const { file, comeBack } = await scene();
    await failure('ERR_PMEM_IO', () => read(file, PAGE, 10));
    await failure('ERR_PMEM_IO', () => file.readUInt8(PAGE));
    await failure('ERR_PMEM_IO', () => file.scrub());
    comeBack();
    expect(read(file, 0, 3 * PAGE)).toEqual(whole);
    expect((await file.scrub()).mediaErrors).toEqual([]);
  });

  it('a salvage has a gap there, which it does not call a media error', async () => {
    const { file } = await scene();
    const { gaps } = await file.salvage();
    expect(gaps).toMatchObject([{ ...pageOf(1), reason: 'io' }]);
  });

  it.each([{ fill: 7 }, { rebuild: () => new Uint8Array(PAGE).fill(7) }, {}])(
    'repair() writes nothing over what it cannot read, and leaves no journal: %o', async (options) => {
      const { driver, file, comeBack } = await scene();
      const calls: string[] = [];
      const stop = driver.observe(({ name }) => { calls.push(name); });
      await failure('ERR_PMEM_IO', () => file.repair(pageOf(1), options));
      stop();
      expect(calls.filter((name) => /write|zero/i.test(name))).toEqual([]);
      expect(driver.listFiles()).toEqual([PATH]);
      comeBack();
      expect(read(file, 0, 3 * PAGE)).toEqual(whole);
      expect((await file.repair(pageOf(1), options)).units.map(({ outcome }) => outcome)).toEqual(['healthy']);
    },
  );
});
