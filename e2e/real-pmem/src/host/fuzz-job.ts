/** The fuzz job: random scenarios on which the mock and this kernel have to agree. */
import type { FuzzInput, FuzzResult } from '../jobs/fuzz.js';
import type { Job } from './job.js';

function counted(values: readonly unknown[]): Extract<FuzzResult, { sequences: number }> | undefined {
  return (values as readonly FuzzResult[]).findLast((value) => 'sequences' in value);
}

export function fuzzJob(input: FuzzInput): Job {
  const describe = ({ sequences, steps, freshFilesystems }: Extract<FuzzResult, { sequences: number }>): string =>
    `seed ${input.seed}: ${sequences} sequences, ${steps} steps, ${freshFilesystems} new filesystems`;
  return {
    name: 'fuzz',
    program: 'e2e/real-pmem/dist/jobs/fuzz.js',
    nodeArguments: [],
    input,
    describe(value) {
      const result = value as FuzzResult;
      return 'sequences' in result ? describe(result) : undefined;
    },
    judge(values) {
      const done = counted(values);
      const failures = (values as readonly FuzzResult[]).flatMap((value) =>
        'disagreement' in value ? [`the mock and the kernel disagree (--seed ${input.seed}); shortest sequence:\n${value.disagreement.join('\n')}`] : [],
      );
      if (failures.length === 0 && (done?.sequences ?? 0) < input.sequences) failures.push('not every sequence ran');
      return Promise.resolve({ summary: done === undefined ? `seed ${input.seed}` : describe(done), failures });
    },
  };
}
