import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const demo = fileURLToPath(new URL('../../dist/demo/index.js', import.meta.url));

function run(...args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [demo, ...args], {
      env: { ...process.env, FORCE_COLOR: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, output });
    });
  });
}

test('the paged store accounts for every key, with real signals', async () => {
  const { code, output } = await run('pages', '--seed', '5');
  expect(output.match(/ holds$/gm)).toHaveLength(6);
  expect(output).toMatch(/X poisoned: any access is a SIGBUS \(15\)/);
  expect(output).toMatch(/\+ rebuilt \(15\)/);
  expect(output).toMatch(/\? lost: reads throw ERR_PMEM_LOST \(3\)/);
  expect(output).toMatch(/168 pages could not be read, each one a real signal/);
  expect(output).not.toContain('BROKEN');
  expect(output.split('\n').filter((line) => line.length > 100)).toEqual([]);
  expect(code).toBe(0);
}, 60_000);

test('the Level database accounts for every key', async () => {
  const { code, output } = await run('level', '--seed', '5');
  expect(output.match(/ holds$/gm)).toHaveLength(3);
  expect(output).toMatch(/an event:\s+\d+\s+pages\s+rebuilt/);
  expect(output).toMatch(/LEVEL_CORRUPTION, caused by\s+ERR_PMEM_MEDIA/);
  expect(output).not.toContain('BROKEN');
  expect(code).toBe(0);
}, 60_000);
