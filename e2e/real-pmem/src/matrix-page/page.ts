/** docs/reference/kernel-matrix.md, made of the traces. */
import { zeroinitName } from '../host/matrix.js';
import type { Trace, TracedScenario, TracedStep } from '../scenarios/trace.js';
import { describeAnswer } from './describe-answer.js';
import { sections, type Answer, type Row } from './rows.js';
import { table } from './table.js';

function findAnswer(scenario: TracedScenario, { verb, nth = 1, file }: Answer): TracedStep {
  const found = scenario.steps.filter(({ step }) => step.do === verb && (file === undefined || ('file' in step && step.file === file)))[nth - 1];
  if (found === undefined) throw new Error(`scenario ${scenario.name} has no ${verb} number ${nth}`);
  return found;
}

function answers(trace: Trace, { scenario: name, answers: wanted }: Row): string {
  const scenario = trace.scenarios.find((candidate) => candidate.name === name);
  if (scenario === undefined) throw new Error(`the trace of ${columnHeading(trace)} has no scenario ${name}`);
  return wanted.map((answer) => describeAnswer(scenario, findAnswer(scenario, answer))).join('; ');
}

function columnHeading({ subject: { kernel, filesystem, device } }: Trace): string {
  return `${kernel} ${filesystem}${device === 'clearable' ? '' : ', cannot clear'}`;
}

function measured(traces: readonly Trace[]): string {
  const versions = new Map(traces.map(({ subject }) => [subject.kernelVersion, subject.kernel]));
  return table(['series', 'as it calls itself'], [...versions].map(([version, kernel]) => [kernel, `\`${version}\``]));
}

/** Older series first. */
export function compareKernels(a: string, b: string): number {
  const version = (kernel: string): number => {
    // After the series that it is made from.
    if (kernel === zeroinitName) return 6012.5;
    const [major = 0, minor = 0] = kernel.split('.').map(Number);
    return major * 1000 + minor;
  };
  return version(a) - version(b);
}

function compareCells(a: Trace, b: Trace): number {
  const key = ({ subject }: Trace): string => `${subject.device}-${subject.filesystem}`;
  return a.subject.device.localeCompare(b.subject.device) || compareKernels(a.subject.kernel, b.subject.kernel) || key(a).localeCompare(key(b));
}

const introduction = `# What kernels do with bad blocks

<!-- Generated from packages/mock/traces by \`npm run docs:kernel-matrix\`. Do not edit. -->

Recorded on stock kernels with real fsdax (\`-o dax=always\`, blocks and pages of 4096 bytes) in virtual machines, by
[e2e/real-pmem](../../e2e/real-pmem/README.md). The mock replays the same recordings step by step, so its profiles of these
kernels say the same. Columns name the kernel series and the filesystem; \`zeroinit\` is Linux 6.12 with
[patches of our own](../../e2e/real-pmem/zeroinit-kernel/README.md) by which zero-range clears in place. A device that *cannot clear* is an NVDIMM
whose firmware has no command to clear an error, the others are legacy (e820) devices, where clearing always succeeds.

How to read a cell: \`ok\`, an errno, a number of bytes for a short transfer, \`data\` or \`zeros\` for what a read gave;
\`SIGBUS 4/12\` is si_code 4 (BUS_MCEERR_AR) with si_addr_lsb 12, \`SIGBUS 2/0\` is BUS_ADRERR, which says nothing of its reason. Of the
kernel's list: \`clean\`, \`still bad\` (a block of this file is listed), \`bad elsewhere\` (a block is listed that is not this file's: it is free space or
another file's). Of the block under the page: \`same block\` as before, or \`other block\`. Several answers, separated by semicolons, are in the order of the question.`;

const limits = `## What this is not

The list of bad blocks is the kernel's own, and so is everything it does because of the list; the memory behind it is healthy. Errors that no
list knew before, from the hardware itself, have [a page of their own](memory-errors.md), which also says what nobody has measured.`;

export function kernelMatrixPage(unsorted: readonly Trace[]): string {
  const traces = [...unsorted].sort(compareCells);
  const parts = sections.map(({ heading, text, rows, after }) => {
    const cells = rows.map((row) => [row.question, ...traces.map((trace) => answers(trace, row))]);
    const rest = after === undefined ? [] : [after];
    return [`## ${heading}`, text, table(['', ...traces.map(columnHeading)], cells), ...rest].join('\n\n');
  });
  const count = traces[0]?.scenarios.length ?? 0;
  const steps = traces[0]?.scenarios.reduce((sum, { steps: all }) => sum + all.length, 0) ?? 0;
  const more = `These rows are a selection: each recording has ${count} scenarios with ${steps} steps, in \`packages/mock/traces\`.`;
  return [introduction, '## Measured versions', measured(traces), more, ...parts, limits].join('\n\n') + '\n';
}
