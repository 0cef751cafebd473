/** Jobs that are tests under node:test: how they are started, and how their results read as a verdict. */
import type { ContractResult } from '../jobs/contract-reporter.js';
import type { ReportingJob } from './job.js';
import type { JobName } from './options.js';

export function testJob(name: JobName): ReportingJob {
  return {
    name,
    program: `e2e/real-pmem/dist/jobs/${name}.js`,
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
}

/** The suite that every driver has to pass, on real media. */
export const contractJob: ReportingJob = { ...testJob('contract'), hugePages: true };
/** PmemFile and the example engines on real poison. */
export const repairJob: ReportingJob = testJob('repair');
/** What the hot path asks of the kernel. */
export const costJob: ReportingJob = testJob('cost');
/** `safe-pmem` and `PmemFile.watch()`, as nobody and as root. */
export const commandJob: ReportingJob = testJob('command');
/** Zero-range of a DAX file does all that it ought to. */
export const zeroRangeJob: ReportingJob = testJob('zero-range');

/** Filesystems besides ext4 and XFS, those of servers among them; vfat asks for its tables of characters. */
export const filesystemsJob: ReportingJob = {
  ...testJob('filesystems'),
  asRoot: true,
  modules: [
    'loop', 'nls_cp437', 'nls_ascii', 'nls_iso8859-1', 'nls_utf8', 'vfat', 'exfat', 'f2fs',
    'lockd', 'nfsd', 'nfsv3', 'nfsv4',
  ],
};
