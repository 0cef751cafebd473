/** The contract job: the suite that every driver has to pass, on real media. */
import type { ContractResult } from '../jobs/contract-reporter.js';
import type { ReportingJob } from './job.js';

export const contractJob: ReportingJob = {
  name: 'contract',
  program: 'e2e/real-pmem/dist/jobs/contract.js',
  nodeArguments: ['--test-reporter', './e2e/real-pmem/dist/jobs/contract-reporter.js'],
  input: {},
  describe(value) {
    const { test, ok, seconds } = value as ContractResult;
    return `${ok ? 'ok' : 'NOT OK'} ${test} (${seconds.toFixed(1)} s)`;
  },
  judge(values) {
    const results = values as readonly ContractResult[];
    const failures = results.filter((result) => !result.ok).map((result) => `${result.test}\n${result.error}`);
    if (results.length === 0) failures.push('no test ran');
    return Promise.resolve({ summary: `${results.length} tests`, failures });
  },
};
