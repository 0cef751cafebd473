/** The repair job: PmemFile and the example engines on real poison. Its tests are reported like those of the contract. */
import { contractJob } from './contract-job.js';
import type { Job } from './job.js';

export const repairJob: Job = { ...contractJob, name: 'repair', program: 'e2e/real-pmem/dist/jobs/repair.js' };
