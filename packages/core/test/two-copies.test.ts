/** Errors and files of one copy of the package in a program that holds another one too. */
import { expect, test, vi } from 'vitest';
import * as here from '../src/errors/errors.js';
import { PmemFile } from '../src/pmem-file.js';

async function otherCopy(): Promise<typeof here> {
  vi.resetModules();
  return import('../src/errors/errors.js');
}

test('errors of another copy of the package are errors of this one, each of its own class', async () => {
  const other = await otherCopy();
  expect(other.MediaError).not.toBe(here.MediaError);
  const media = new other.MediaError('read', 'sigbus', { path: '/f', ranges: [{ offset: 0, length: 4096 }] });
  const repair = new other.RepairError('no', [], { path: '/f' });
  const plain = new other.PmemError('ERR_PMEM_LOST', 'lost');
  const classes = [here.PmemError, here.MediaError, here.RepairError];
  expect([media, repair, plain].map((error) => classes.map((one) => error instanceof one))).toEqual([
    [true, true, false],
    [true, false, true],
    [true, false, false],
  ]);
  expect([media, repair, plain].map((error) => [here.isPmemError(error), here.isMediaError(error), here.isRepairError(error)])).toEqual([
    [true, true, false],
    [true, false, true],
    [true, false, false],
  ]);
});

test('what is no error of the package is none, whatever it looks like', () => {
  const looks = { code: 'ERR_PMEM_MEDIA', ranges: [], name: 'MediaError' };
  const impostor = Object.assign(new Error('read met a media error'), looks);
  for (const value of [impostor, looks, undefined, null, 'ERR_PMEM_MEDIA', 7]) {
    expect([value instanceof here.PmemError, here.isPmemError(value), here.isMediaError(value)]).toEqual([false, false, false]);
  }
});

test('a class that an application makes of these errors knows only its own instances', () => {
  class AppError extends here.MediaError {}
  const details = { ranges: [{ offset: 0, length: 1 }] };
  const own = new AppError('read', 'errno', details);
  expect([own instanceof AppError, own instanceof here.MediaError, own instanceof here.PmemError]).toEqual([true, true, true]);
  expect(new here.MediaError('read', 'errno', details) instanceof AppError).toBe(false);
  expect(Object.keys(own)).not.toContain('constructor');
});

test('files of another copy are files of this one', async () => {
  vi.resetModules();
  const other = await import('../src/pmem-file.js');
  expect(other.PmemFile).not.toBe(PmemFile);
  const foreign: unknown = Object.create(other.PmemFile.prototype);
  expect([foreign instanceof PmemFile, foreign instanceof other.PmemFile]).toEqual([true, true]);
  for (const value of [{}, undefined, null, 'file', Object.create(null)]) expect(value instanceof PmemFile).toBe(false);
});

test('an error has its name whatever the class is called by then, and its stack begins with it', () => {
  const errors = [
    new here.PmemError('ERR_PMEM_LOST', 'lost'),
    new here.MediaError('read', 'sigbus', { ranges: [{ offset: 0, length: 1 }] }),
    new here.RepairError('no', [], {}),
  ];
  const names = ['PmemError', 'MediaError', 'RepairError'];
  expect(errors.map((error) => error.name)).toEqual(names);
  expect(errors.map((error) => error.stack?.split(':', 1)[0])).toEqual(names);
  expect(errors.map((error) => Object.hasOwn(error, 'name'))).toEqual([false, false, false]);
});
