/** The place of a journal beside its file, on the systems whose drivers give paths. */
import { describe, expect, it } from 'vitest';
import { absolutePlace, baseName, usualPlace } from '../src/repair/journal/names.js';

describe('a journal beside its file', () => {
  it.each([
    ['/mnt/pmem/app.db', '/mnt/pmem/app.db.repair'],
    ['/app.db', '/app.db.repair'],
    // A backslash is a letter of a name.
    [String.raw`/mnt/C:\app.db`, String.raw`/mnt/C:\app.db.repair`],
    [String.raw`/mnt/\\app.db`, String.raw`/mnt/\\app.db.repair`],
    [String.raw`C:\data\app.db`, String.raw`C:\data\app.db.repair`],
    ['C:/data/app.db', 'C:/data/app.db.repair'],
    [String.raw`\\server\share\app.db`, String.raw`\\server\share\app.db.repair`],
  ])('of %s is %s', (path, journal) => {
    expect(absolutePlace(path, usualPlace(path))).toBe(journal);
  });

  it('has a name of its own if the name is too long, and stays in the directory', () => {
    for (const directory of ['/mnt/pmem/', 'C:\\data\\']) {
      const journal = absolutePlace(`${directory}${'n'.repeat(255)}`, usualPlace(`${directory}${'n'.repeat(255)}`));
      expect(journal.startsWith(directory)).toBe(true);
      expect(journal.length - directory.length).toBeLessThanOrEqual(255);
    }
  });

  it('is where its mark says, if that is an absolute path', () => {
    expect(absolutePlace('/a/app.db', '/b/app.db.repair')).toBe('/b/app.db.repair');
    expect(absolutePlace(String.raw`C:\a\app.db`, String.raw`C:\b\app.db.repair`)).toBe(String.raw`C:\b\app.db.repair`);
  });

  it('a name is what follows the last separator', () => {
    expect(baseName('/mnt/pmem/app.db')).toBe('app.db');
    expect(baseName(String.raw`C:\data\app.db`)).toBe('app.db');
    expect(baseName(String.raw`/data/C:\app.db`)).toBe(String.raw`C:\app.db`);
  });
});
