import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { MediaError, PmemFile } from '@safe-pmem/core';
import { mockDriver, poisonNth } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';

/** Runs the code of a README on the mock, whose first load meets poison. */
async function runExample(path: string): Promise<ReturnType<typeof mockDriver>> {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(text)?.[1];
  expect(example, 'the README has a TypeScript example').toBeDefined();
  const body = (example ?? '').replace(/^import .*$/gm, '');
  const driver = mockDriver({ faults: [poisonNth({ operation: 'read', nth: 1 })] });
  const replica = Buffer.alloc(1 << 20);
  replica.write('hello', 4096);
  const run = runInNewContext(`(async ({ PmemFile, MediaError, nativeDriver, replica, Buffer }) => { ${body} })`) as (
    given: object,
  ) => Promise<void>;
  await run({ PmemFile, MediaError, replica, Buffer, nativeDriver: () => driver });
  return driver;
}

describe('README', () => {
  it('shows code that survives poison and repairs it', async () => {
    const driver = await runExample('../../../README.md');
    expect(driver.poisoned).toEqual([]);
    expect(Buffer.from(driver.readFile('/mnt/pmem/app.db')).subarray(4096, 4101).toString()).toBe('hello');
    expect(driver.listFiles()).toEqual(['/mnt/pmem/app.db']);
  });

  it('is twelve lines of code', () => {
    const text = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const lines = (/```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? '').split('\n').filter((line) => line.trim() !== '');
    expect(lines).toHaveLength(12);
  });
});
