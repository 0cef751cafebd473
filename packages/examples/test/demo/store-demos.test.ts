import { expect, test } from 'vitest';
import { runDemo } from './run-demo.js';

test('the paged store accounts for every key, with real signals', async () => {
  const { code, output } = await runDemo(['pages', '--seed', '5']);
  expect(output.match(/ holds$/gm)).toHaveLength(6);
  expect(output).toMatch(/X poisoned: any access is a SIGBUS \(15\)/);
  expect(output).toMatch(/\+ rebuilt \(15\)/);
  expect(output).toMatch(/\? lost: reads throw ERR_PMEM_LOST \(3\)/);
  expect(output).toMatch(/168 pages could not be read, each one a real signal/);
  expect(output).not.toContain('BROKEN');
  expect(output.split('\n').filter((line) => line.length > 100)).toEqual([]);
  expect(code).toBe(0);
}, 180_000);

test('the Level database accounts for every key', async () => {
  const { code, output } = await runDemo(['level', '--seed', '5']);
  expect(output.match(/ holds$/gm)).toHaveLength(3);
  expect(output).toMatch(/an event:\s+\d+\s+pages\s+rebuilt/);
  expect(output).toMatch(/LEVEL_CORRUPTION, caused by\s+ERR_PMEM_MEDIA/);
  expect(output).not.toContain('BROKEN');
  expect(code).toBe(0);
}, 180_000);
