/**
 * The pictures in docs/pictures are what a terminal shows: each is made again on a pseudo-terminal, of a simulated
 * machine with damage, and compared. UPDATE_PICTURES=1 writes them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { onTerminal, requireTerminal } from './on-terminal.js';
import { pictureOf } from './pictures/picture.js';

const PROGRAM = fileURLToPath(new URL('pictures/on-mock.mjs', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../../docs/pictures', import.meta.url));
const COLUMNS = 96;
const DB = '/mnt/pmem/db/app.db';

beforeAll(requireTerminal);

it.each([
  ['check', ['check', '/mnt/pmem']],
  ['map', ['map', DB]],
  ['info', ['info', DB]],
  ['scrub', ['scrub', DB]],
  ['repair-plan', ['repair', DB, '--from', '/mnt/pmem/db/replica.db']],
  ['repair', ['repair', DB, '--from', '/mnt/pmem/db/replica.db', '--yes']],
  ['watch', ['watch', '/mnt/pmem', '--count', '1']],
  ['journal', ['journal', '/mnt/pmem/db/old.db']],
  ['help', ['repair', '--help']],
] as const)('%s looks as in its picture', (name, argv) => {
  // A journal's id is drawn by lot.
  const shown = onTerminal(PROGRAM, argv, COLUMNS).replace(/\bid [0-9a-f]{32}\b/, `id ${'5eed'.repeat(8)}`);
  const picture = pictureOf(['safe-pmem', ...argv].join(' '), shown);
  const file = path.join(FOLDER, `${name}.svg`);
  if (process.env.UPDATE_PICTURES === '1') writeFileSync(file, picture);
  expect(picture).toBe(readFileSync(file, 'utf8'));
});
