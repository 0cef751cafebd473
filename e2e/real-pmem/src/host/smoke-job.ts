/** The smoke job: is there DAX, poison and repair at all? Uses nothing of the library. */
import type { SmokeResult } from '../jobs/smoke.js';
import type { Job } from './job.js';

export const smokeJob: Job = {
  name: 'smoke',
  program: 'e2e/real-pmem/dist/jobs/smoke.js',
  nodeArguments: [],
  input: {},
  describe(value) {
    const { check, ok, detail } = value as SmokeResult;
    return `${ok ? 'ok' : 'NOT OK'} ${check}: ${detail}`;
  },
  judge(values) {
    const results = values as readonly SmokeResult[];
    const failures = results.filter((result) => !result.ok).map((result) => `${result.check}: ${result.detail}`);
    if (results.length === 0) failures.push('the job checked nothing');
    return Promise.resolve({ summary: `${results.length} checks`, failures });
  },
};
