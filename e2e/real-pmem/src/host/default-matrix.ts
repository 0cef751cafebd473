/** What a run covers when nothing is asked for, and what it covers when everything is. */
import { planCells, type Cell } from './matrix.js';
import type { JobName, Options } from './options.js';

/** A cell and what runs on it. */
export interface CellJobs {
  readonly cell: Cell;
  readonly jobs: readonly JobName[];
}

const cell = (kernel: string, filesystem: Cell['filesystem'], device: Cell['device']): Cell => ({ kernel, filesystem, device });
const listedErrors: readonly JobName[] = ['smoke', 'contract', 'repair', 'cost', 'command', 'traces', 'fuzz'];

/**
 * What differs, each where it differs, in ten minutes on two cores: the newest kernel in full, one old enough for another
 * signal, a device that cannot clear. Guests that take longest begin first.
 */
const defaultMatrix: readonly CellJobs[] = [
  { cell: cell('6.12', 'xfs', 'unclearable'), jobs: ['contract', 'repair', 'command'] },
  { cell: cell('7.3', 'ext4', 'clearable'), jobs: ['traces'] },
  { cell: cell('6.12', 'ext4', 'clearable'), jobs: listedErrors },
  { cell: cell('7.3', 'xfs', 'clearable'), jobs: listedErrors },
  { cell: cell('6.1', 'xfs', 'clearable'), jobs: ['contract', 'repair', 'traces'] },
  { cell: cell('6.12', 'xfs', 'clearable'), jobs: ['traces'] },
  { cell: cell('6.12', 'ext4', 'unclearable'), jobs: ['traces'] },
];

/** Kernels of Debian that users have now: on both devices, and with machine checks. */
const recentKernels: readonly string[] = ['6.12', '7.3'];

/**
 * Every kernel of Debian that there are recordings of, with all that was recorded of it. zeroinit is built here: it has
 * to be asked for.
 */
const wholeMatrix: readonly CellJobs[] = (['5.10', '6.1', '6.12', '7.3'] as const).flatMap((kernel) => {
  const isRecent = recentKernels.includes(kernel);
  const devices: readonly Cell['device'][] = isRecent ? ['clearable', 'unclearable'] : ['clearable'];
  const jobs: readonly JobName[] = isRecent ? [...listedErrors, 'machine-check'] : listedErrors;
  const filesystems = ['ext4', 'xfs'] as const;
  return devices
    .flatMap((device) => filesystems.map((filesystem) => cell(kernel, filesystem, device)))
    .map((each) => ({ cell: each, jobs }));
});

/** The cells that a command line asks for, each with its jobs. */
export function plannedRuns(
  { all, narrowsDefault, selection, jobs, jobsAsked }: Pick<Options, 'all' | 'narrowsDefault' | 'selection' | 'jobs' | 'jobsAsked'>,
): readonly CellJobs[] {
  const { kernels, devices, filesystems } = selection;
  const isNarrowed = jobsAsked || kernels.length + devices.length + filesystems.length > 0;
  if (!all && !narrowsDefault && isNarrowed) return planCells(selection).map((planned) => ({ cell: planned, jobs }));
  const matrix = all ? wholeMatrix : defaultMatrix;
  const chosen = <T>(asked: readonly T[], value: T): boolean => asked.length === 0 || asked.includes(value);
  return matrix
    .filter((run) => chosen(kernels, run.cell.kernel) && chosen(devices, run.cell.device) && chosen(filesystems, run.cell.filesystem))
    .map((run) => {
      const wanted = jobs.filter((job) => (all && job !== 'machine-check') || run.jobs.includes(job));
      return jobsAsked ? { cell: run.cell, jobs: wanted } : run;
    })
    .filter((run) => run.jobs.length > 0);
}
