import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { Wal } from '../../src/wal/index.js';
import { itemsOf } from './log-machine.js';

const SIZE = 64 * 4096;
const program = fileURLToPath(new URL('programs/commit-for-ever.mjs', import.meta.url));
let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'safe-pmem-wal-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Runs the program until it has printed `lines` lines, kills it, and returns the last number it printed. */
function killAfter(lines: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, join(directory, 'log'), join(directory, 'mirror'), String(SIZE)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.split('\n').length > lines) child.kill('SIGKILL');
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the program ended by itself: code ${code ?? 'none'}`));
      else resolve(Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1)));
    });
  });
}

test('a process killed in the middle of its work has lost nothing that it had committed', async () => {
  for (const lines of [1, 40, 150, 7]) {
    const acknowledged = await killAfter(lines);
    const file = await PmemFile.open(join(directory, 'log'), { driver: nativeDriver() });
    const mirror = await PmemFile.open(join(directory, 'mirror'), { driver: nativeDriver() });
    const wal = await Wal.open({ file, mirror });
    const { firstSequence = 0, lastSequence = 0 } = wal;
    // Commits are of three records; the one in flight may have become durable.
    expect([acknowledged, acknowledged + 3]).toContain(lastSequence);
    let next = firstSequence;
    for (const item of await itemsOf(wal)) {
      const sequence = next++;
      expect(item).toEqual({ type: 'record', sequence, payload: new Uint8Array(sequence % 500).fill(sequence & 0xff) });
    }
    expect(next).toBe(lastSequence + 1);
    await file.close();
    await mirror.close();
  }
}, 180_000);
