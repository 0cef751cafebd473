/** The zero-range job: zero-range of a DAX file does all that it ought to. Reported like the tests of the contract. */
import { contractJob } from './contract-job.js';
import type { Job } from './job.js';

const program = 'e2e/real-pmem/dist/jobs/zero-range.js';

export const zeroRangeJob: Job = { ...contractJob, name: 'zero-range', program };
