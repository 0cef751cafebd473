/** The bench job, which runs only if it is asked for: suites of `npm run bench` on a real DAX filesystem. */
import type { BenchInput, BenchResult } from '../jobs/bench.js';
import type { ReportingJob } from './job.js';

/** Those whose answer depends on the filesystem. */
const suites = ['access', 'persist', 'log'] as const;

export const benchJob: ReportingJob = {
  name: 'bench',
  program: 'e2e/real-pmem/dist/jobs/bench.js',
  nodeArguments: [],
  input: { suites } satisfies BenchInput,
  describe: () => undefined,
  judge(values) {
    const results = values as readonly BenchResult[];
    const failures = results.flatMap((result) => ('failure' in result ? [result.failure] : []));
    if (results.length === 0) failures.push('nothing was measured');
    return Promise.resolve({ summary: suites.join(', '), failures });
  },
};
