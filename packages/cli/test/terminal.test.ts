/** What people see: the built command on a pseudo-terminal. */
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { onTerminal as programOnTerminal, requireTerminal } from './on-terminal.js';
import { BIN, scratchFolder } from './scratch.js';

function onTerminal(argv: readonly string[], columns: number, env: NodeJS.ProcessEnv = {}): string {
  return programOnTerminal(BIN, argv, columns, env);
}

function fileOf(sizeBytes: number): string {
  const file = path.join(scratchFolder(), 'file');
  writeFileSync(file, Buffer.alloc(Math.min(sizeBytes, 1 << 20), 1));
  truncateSync(file, sizeBytes);
  return file;
}

beforeAll(requireTerminal);

it('draws in colours, as wide as the terminal', () => {
  const file = fileOf(400 * 4096);
  for (const columns of [40, 80, 132]) {
    const rows = onTerminal(['map', file], columns).split('\n');
    const row = rows[1] ?? '';
    expect(row).toContain('\u001b[32m#');
    expect(row.endsWith('\u001b[0m')).toBe(true);
    expect(row.replaceAll('\u001b[32m', '').replaceAll('\u001b[0m', '')).toHaveLength(columns);
  }
});

it('leaves colours out if NO_COLOR is set or the terminal is dumb', () => {
  const file = fileOf(400 * 4096);
  expect(onTerminal(['map', file], 80, { NO_COLOR: '1' })).not.toContain('\u001b');
  expect(onTerminal(['map', file], 80, { TERM: 'dumb' })).not.toContain('\u001b');
  expect(onTerminal(['map', file], 80, { NO_COLOR: '' })).toContain('\u001b');
});

it('shows progress in one line that goes away, and never wider than the terminal', () => {
  const file = fileOf(12 << 20);
  const screen = onTerminal(['scrub', file, '--rate', '4M'], 50);
  const shown = screen.split('\r').filter((text) => text.startsWith('scrubbed'));
  expect(shown.length).toBeGreaterThan(0);
  for (const text of shown) {
    expect(text).toMatch(/^scrubbed [\d.]+ MiB of 12\.0 MiB \(\d+ %\), [\d.]+ [KM]iB\/s/);
    expect(text.length).toBeLessThan(50);
  }
  expect(screen.split('\r').at(-1)).toMatch(/12582912 bytes read; 0 bytes cannot be read\n/);
});

it('wraps its help to the terminal', () => {
  const longest = Math.max(
    ...onTerminal(['repair', '--help'], 60)
      .split('\n')
      .slice(0, 12)
      .map((text) => text.length),
  );
  expect(longest).toBeLessThanOrEqual(60);
});
