import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheDirectory } from '../src/host/cache.js';

describe('cache directory', () => {
  it('is the one asked for, made absolute', () => {
    expect(cacheDirectory({ SAFE_PMEM_REAL_PMEM_CACHE: '/a/b', XDG_CACHE_HOME: '/x' })).toBe('/a/b');
    expect(cacheDirectory({ SAFE_PMEM_REAL_PMEM_CACHE: 'a' })).toBe(path.resolve('a'));
  });

  it('follows XDG, and ignores a relative path there', () => {
    expect(cacheDirectory({ XDG_CACHE_HOME: '/x', SAFE_PMEM_REAL_PMEM_CACHE: '' })).toBe('/x/safe-pmem/real-pmem');
    expect(cacheDirectory({ XDG_CACHE_HOME: 'x' })).toBe(path.join(os.homedir(), '.cache/safe-pmem/real-pmem'));
  });
});
