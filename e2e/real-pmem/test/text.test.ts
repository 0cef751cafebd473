import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { shellVariables } from '../src/host/initramfs.js';
import { progressOn, SaidLines } from '../src/host/progress.js';
import { allPassed, summaryTable } from '../src/host/summary.js';
import type { JobOutcome } from '../src/host/boot-run.js';
import { LineSplitter } from '../src/line-splitter.js';
import { describeContent } from '../src/scenarios/content.js';

const cell = { kernel: '6.12', device: 'clearable', filesystem: 'xfs' } as const;
const outcome: JobOutcome = { cell, job: 'smoke', status: 'passed', summary: '8 checks', seconds: 1.23 };

describe('line splitter', () => {
  it('joins what chunks cut, between the bytes of a character too', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (const byte of Buffer.from('é\nab\n\nend')) splitter.push(Uint8Array.of(byte));
    expect(lines).toEqual(['é', 'ab', '']);
    splitter.end();
    expect(lines.at(-1)).toBe('end');
  });
});

describe('contents', () => {
  it.each([
    [[], ''],
    [[5], '1 of 5'],
    [[1, 1, 2, 2, 3, 3, 0], '2 each of 1 to 3, 1 of 0'],
    [[1, 1, 2, 4, 4], '2 of 1, 1 of 2, 2 of 4'],
    [[3, 2], '1 of 3, 1 of 2'],
    [[254, 255, 0], '1 each of 254 to 255, 1 of 0'],
  ])('of %j', (bytes, text) => {
    expect(describeContent(Uint8Array.from(bytes))).toBe(text);
  });
});

describe('shell variables', () => {
  it('come back from a shell unchanged', () => {
    const tree = `/a b/it's $HOME "x" \`y\` \\z`;
    const script = shellVariables({ tree, agent: 'agent.js', node: '/n', initScript: '' });
    expect(execFileSync('/bin/sh', ['-c', `${script}printf %s "$tree"`], { encoding: 'utf8' })).toBe(tree);
  });
});

describe('progress', () => {
  it('puts the seconds since the start before every line', () => {
    const lines: string[] = [];
    let nowMs = 1000;
    const progress = progressOn((line) => lines.push(line), () => nowMs);
    nowMs = 13_340;
    progress.step('booting');
    expect(lines).toEqual(['[  12.3 s] booting']);
  });

  it('repeats the failures at the end, and keeps every line in a file', () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'said-lines-')), 'progress.log');
    const said = new SaidLines();
    said.keepIn(file);
    const lines = ['booting', 'cell: command: FAILED watch', 'cell: command failed', 'cell: command: FAILED at line 3'];
    for (const line of lines) said.add(line);
    expect(said.failures()).toEqual([lines[1], lines[3]]);
    expect(said.failures(1)).toEqual([lines[1], '… and 1 more lines']);
    expect(readFileSync(file, 'utf8')).toBe(`${lines.join('\n')}\n`);
  });
});

describe('summary', () => {
  it('has a row for every job', () => {
    const failed: JobOutcome = { ...outcome, status: 'did not run', summary: 'no kernel' };
    expect(summaryTable([outcome, failed])).toBe(
      ['kernel  fs   device     job    status       time',
       '6.12    xfs  clearable  smoke  passed       1.2 s  8 checks',
       '6.12    xfs  clearable  smoke  did not run  1.2 s  no kernel'].join('\n'),
    );
  });

  it('passes only where everything expected ran and passed', () => {
    expect(allPassed([outcome], 1)).toBe(true);
    expect(allPassed([outcome], 2)).toBe(false);
    expect(allPassed([outcome, { ...outcome, status: 'failed' }], 2)).toBe(false);
    expect(allPassed([outcome, { ...outcome, status: 'did not run' }], 2)).toBe(false);
  });
});
