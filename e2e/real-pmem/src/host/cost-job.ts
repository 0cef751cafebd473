/** The cost job: what the hot path asks of the kernel. Its tests are reported like those of the contract. */
import { contractJob } from './contract-job.js';
import type { Job } from './job.js';

export const costJob: Job = { ...contractJob, name: 'cost', program: 'e2e/real-pmem/dist/jobs/cost.js' };
