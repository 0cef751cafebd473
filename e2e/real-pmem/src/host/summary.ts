/** The table at the end of a run. */
import type { JobOutcome } from './boot-run.js';

const columns = ['kernel', 'fs', 'device', 'job', 'status', 'time', ''] as const;

export function summaryTable(outcomes: readonly JobOutcome[]): string {
  const rows = outcomes.map(({ cell, job, status, summary, seconds }) => [
    cell.kernel, cell.filesystem, cell.device, job, status, `${seconds.toFixed(1)} s`, summary,
  ]);
  const widths = columns.map((heading, index) => Math.max(heading.length, ...rows.map((row) => row[index]?.length ?? 0)));
  return [[...columns], ...rows]
    .map((row) => row.map((text, index) => text.padEnd(widths[index] ?? 0)).join('  ').trimEnd())
    .join('\n');
}

/** True only if everything that was asked for ran and passed. */
export function allPassed(outcomes: readonly JobOutcome[], expected: number): boolean {
  return outcomes.length === expected && outcomes.every((outcome) => outcome.status === 'passed');
}
