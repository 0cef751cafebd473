/** The command job: `safe-pmem` and `PmemFile.watch()`, as nobody and as root. Reported like the contract. */
import { contractJob } from './contract-job.js';
import type { Job } from './job.js';

export const commandJob: Job = { ...contractJob, name: 'command', program: 'e2e/real-pmem/dist/jobs/command.js' };
