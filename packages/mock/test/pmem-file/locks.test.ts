/** Locks of open files: a filesystem that has none, and an opener that wants the file alone. */
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { content, failure, filled, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const size = 8 * PAGE;
const whole = content(size);
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

describe('a filesystem without locks', () => {
  it('says so when a repair asks for one, and the file can be used otherwise', async () => {
    const driver = mockDriver({ locks: false });
    const file = await filled(driver, size);
    driver.poison(PATH, pageOf(1));
    const error = await failure('ERR_PMEM_NOT_SUPPORTED', () => file.repair(pageOf(1), { rebuild }));
    expect(error.message).toContain('has no locks');
    expect(error.message).not.toContain('running elsewhere');
    expect(error.cause).toMatchObject({ code: 'ENOLCK' });
    expect(driver.poisoned).toHaveLength(1);
    await file.resize(2 * size);
    expect(read(file, 2 * PAGE, PAGE)).toEqual(rebuild(pageOf(2)));
    await failure('ERR_PMEM_NOT_SUPPORTED', () => PmemFile.open(PATH, { driver, exclusive: true }));
  });
});

describe('an opener that asked for the file alone', () => {
  it('keeps writers out until it closes or dies, and readers in; and waits for no one', async () => {
    const driver = mockDriver();
    await (await filled(driver, size)).close();
    const alone = await openIn(driver, 'alone', { exclusive: true });
    await failure('ERR_PMEM_LOCKED', () => openIn(driver, 'b'));
    await failure('ERR_PMEM_LOCKED', () => openIn(driver, 'b', { exclusive: true }));
    await (await openIn(driver, 'b', { readOnly: true })).close();
    await alone.close();
    const shared = [await openIn(driver, 'b'), await openIn(driver, 'c')];
    await failure('ERR_PMEM_LOCKED', () => openIn(driver, 'alone', { exclusive: true }));
    driver.process('c').kill();
    await failure('ERR_PMEM_LOCKED', () => openIn(driver, 'alone', { exclusive: true }));
    await shared[0]?.close();
    await openIn(driver, 'alone', { exclusive: true });
    driver.process('alone').kill();
    await (await openIn(driver, 'd')).close();
  });

  it('does not keep readers out, who ask for no lock', async () => {
    const driver = mockDriver();
    await (await filled(driver, size)).close();
    const calls: string[] = [];
    driver.observe(({ name }) => {
      calls.push(name);
      return undefined;
    });
    await (await openIn(driver, 'reader', { readOnly: true })).close();
    expect(calls).not.toContain('lock');
    expect(calls).toContain('open');
  });
});

describe('a file that is claimed', () => {
  it('refuses every other claim until it is released, closed, or its process dies', async () => {
    const driver = mockDriver();
    const here = await filled(driver, size);
    const [again, there] = [await openIn(driver, 'main'), await openIn(driver, 'other')];
    const claim = here.claim();
    for (const other of [here, again, there]) await failure('ERR_PMEM_LOCKED', () => other.claim());
    claim.release();
    there.claim();
    claim.release();
    for (const other of [here, again]) await failure('ERR_PMEM_LOCKED', () => other.claim());
    driver.process('other').kill();
    const last = again.claim();
    await failure('ERR_PMEM_LOCKED', () => here.claim());
    await again.close();
    here.claim();
    last.release();
    await failure('ERR_PMEM_LOCKED', () => here.claim());
  });

  it('stays claimed when a claim that was released before is released again', async () => {
    const driver = mockDriver();
    const [here, there] = [await filled(driver, size), await openIn(driver, 'other')];
    const first = here.claim();
    first.release();
    const second = here.claim();
    first.release();
    for (const other of [here, there]) await failure('ERR_PMEM_LOCKED', () => other.claim());
    second.release();
    there.claim();
  });

  it('can be written, repaired and opened by those that claim nothing', async () => {
    const driver = mockDriver();
    const here = await filled(driver, size);
    here.claim();
    const other = await openIn(driver, 'other');
    driver.poison(PATH, pageOf(1));
    await other.repair(pageOf(1), { rebuild });
    expect(read(other, 0, size)).toEqual(whole);
    await other.close();
    await failure('ERR_PMEM_LOCKED', () => openIn(driver, 'other', { exclusive: true }));
  });

  it('under another name is the same file', async () => {
    const driver = mockDriver();
    const here = await filled(driver, size);
    driver.link(PATH, '/pmem/second name');
    const linked = await PmemFile.open('/pmem/second name', { driver });
    linked.claim();
    await failure('ERR_PMEM_LOCKED', () => here.claim());
  });

  it('is a claim of its own beside an exclusive open', async () => {
    const file = await filled(mockDriver(), size, { exclusive: true });
    file.claim();
    await failure('ERR_PMEM_LOCKED', () => file.claim());
  });

  it('needs a file that may be written, is open, and lies where there are locks', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    await failure('ERR_PMEM_READ_ONLY', async () => (await openIn(driver, 'b', { readOnly: true })).claim());
    await file.close();
    await failure('ERR_PMEM_CLOSED', () => file.claim());
    const lockless = await filled(mockDriver({ locks: false }), size);
    const error = await failure('ERR_PMEM_NOT_SUPPORTED', () => lockless.claim());
    expect(error.cause).toMatchObject({ code: 'ENOLCK' });
  });
});
