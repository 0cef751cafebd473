import { describe, expect, test } from 'vitest';
import { Screen } from '../../src/demo/screen.js';
import { audit, payloadOf } from '../../src/demo/workload.js';
import type { ReplayItem } from '../../src/wal/index.js';
import { sizeOf } from '../share.js';
import { runDemo } from './run-demo.js';

/** Every run of a demo is a life of several processes: `npm test` has time for one of each. */
const hasTime = sizeOf({ whole: true, share: false });
const ESCAPE = '\u001b[';

describe('the demo as it is built', () => {
  test('tells the whole story, with real signals, and accounts for every record', async () => {
    const { code, output } = await runDemo([]);
    expect(output).toMatch(/process \d+: killed by SIGBUS/);
    expect(output).toMatch(/7 pages are poisoned for real|Instead, another process has cut the file off/);
    expect(output.match(/ holds$/gm)).toHaveLength(5);
    expect(output).not.toContain('BROKEN');
    expect(output).not.toContain(ESCAPE);
    expect(output.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expect(code).toBe(0);
  }, 180_000);

  test('shows two hosts and a server that is killed, and accounts for every record', async () => {
    const { code, output } = await runDemo(['replicated']);
    expect(output).toMatch(/process \d+: killed by SIGKILL/);
    expect(output.match(/ holds$/gm)).toHaveLength(4);
    expect(output).toMatch(/\+ rebuilt \(6\)/);
    expect(output).toMatch(/ack both +1 writer: +\d+ records\/s/);
    expect(output).not.toContain('BROKEN');
    expect(output.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expect(code).toBe(0);
  }, 180_000);

  test('says which demos there are when it is asked for another', async () => {
    const { code } = await runDemo(['walrus']);
    expect(code).not.toBe(0);
  }, 180_000);

  test.runIf(hasTime)('plays the last act by truncation too, and in colour when asked', async () => {
    const { code, output } = await runDemo(['--truncate'], { FORCE_COLOR: '1' });
    expect(output).toContain('another process has cut the file off');
    expect(output).toContain(ESCAPE);
    expect(code).toBe(0);
  }, 180_000);

  test.runIf(hasTime)('repeats itself from a seed, and NO_COLOR has the last word', async () => {
    const options = ['--mock-only', '--seed', '7'];
    const outputs = await Promise.all([runDemo(options, {}), runDemo(options, { FORCE_COLOR: '1', NO_COLOR: '1' })]);
    const [first, second] = outputs.map(({ output }) => output.replace(/process \d+/g, '').replace(/\d+\.\d s\n/, ''));
    expect(first).toBe(second);
    expect(first).not.toContain(ESCAPE);
  }, 180_000);
});

describe('the audit', () => {
  const screen = new Screen({ write: () => true, isTTY: false }, {});
  const record = (sequence: number): ReplayItem => ({ type: 'record', sequence, payload: payloadOf(sequence) });
  const lost = (first: number, last: number | undefined): ReplayItem => ({
    type: 'lost',
    first,
    last,
    certain: true,
    damage: [],
  });

  async function problemsOf(items: readonly ReplayItem[], committed: number): Promise<string[]> {
    const wal = {
      async *replay(): AsyncGenerator<ReplayItem> {
        for (const item of items) yield await Promise.resolve(item);
      },
    };
    return (await audit(screen, 'test', wal, committed)).problems;
  }

  test('accepts returned and lost records that add up', async () => {
    expect(await problemsOf([record(1), lost(2, 4), record(5)], 5)).toEqual([]);
  });

  test.each([
    ['a wrong byte', [record(1), { ...record(2), payload: payloadOf(3) }]],
    ['a record that is neither returned nor lost', [record(2)]],
    ['a record that comes twice', [record(1), record(1), record(2)]],
    ['an end too early', [record(1)]],
    ['an end too late', [record(1), record(2), record(3)]],
    ['a loss without end', [record(1), lost(2, undefined)]],
  ] as [string, ReplayItem[]][])('notices %s', async (_, items) => {
    expect(await problemsOf(items, 2)).not.toEqual([]);
  });
});
