/** docs/reference/kernel-matrix.md, made of the traces. */
import { zeroinitName } from '../host/matrix.js';
import type { Trace, TracedScenario, TracedStep } from '../scenarios/trace.js';
import { describeAnswer } from './describe-answer.js';
import { sections, type Answer, type Row } from './rows.js';

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

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

function measured(traces: readonly Trace[]): string {
  const versions = new Map(traces.map(({ subject }) => [subject.kernelVersion, subject.kernel]));
  return table(['series', 'as it calls itself'], [...versions].map(([version, kernel]) => [kernel, `\`${version}\``]));
}

function compareCells(a: Trace, b: Trace): number {
  const version = (trace: Trace): number => {
    // After the series that it is made from.
    if (trace.subject.kernel === zeroinitName) return 6012.5;
    const [major = 0, minor = 0] = trace.subject.kernel.split('.').map(Number);
    return major * 1000 + minor;
  };
  const key = ({ subject }: Trace): string => `${subject.device}-${subject.filesystem}`;
  return a.subject.device.localeCompare(b.subject.device) || version(a) - version(b) || key(a).localeCompare(key(b));
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

const limits = `## What a simulated device cannot show

The list of bad blocks is the kernel's own, and so is everything it does because of the list; the memory behind it is healthy.
So nothing above, and nothing in the mock that rests on it, is a measurement of:

- **latent poison**, which the kernel does not know yet: the machine check of the first access, what it does to the kernel's
  own copies, or accesses through pages that were mapped before;
- **machine-check storms**: many errors at once, or one error consumed over and over;
- **partial clears**: firmware that clears less than it was asked to, or fails half-way;
- flushes of poisoned lines, which fault like loads on hardware and do nothing in the emulator;
- power failure, eADR, address-range scrubs, interleaving, and time.`;

export function kernelMatrixPage(unsorted: readonly Trace[]): string {
  const traces = [...unsorted].sort(compareCells);
  const parts = sections.map(({ heading, text, rows }) =>
    [`## ${heading}`, text, table(['', ...traces.map(columnHeading)], rows.map((row) => [row.question, ...traces.map((trace) => answers(trace, row))]))].join('\n\n'),
  );
  const count = traces[0]?.scenarios.length ?? 0;
  const steps = traces[0]?.scenarios.reduce((sum, { steps: all }) => sum + all.length, 0) ?? 0;
  const more = `These rows are a selection: each recording has ${count} scenarios with ${steps} steps, in \`packages/mock/traces\`.`;
  return [introduction, '## Measured versions', measured(traces), more, ...parts, limits].join('\n\n') + '\n';
}
