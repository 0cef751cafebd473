/** docs/reference/memory-errors.md: what is proven of real memory errors, made of the recordings, and what is not. */
import type { MachineCheckRecording } from '../machine-check/recording.js';
import type { Trace } from '../scenarios/trace.js';
import { compareKernels } from './page.js';
import { memoryErrorSections, type ObservedRow } from './memory-error-rows.js';
import { table } from './table.js';

/** Of a trace or of a machine-check recording. */
interface Subject {
  readonly kernel: string;
  readonly filesystem: string;
  readonly device: string;
}

function heading({ kernel, filesystem, device }: Subject): string {
  return `${kernel} ${filesystem}, ${device === 'clearable' ? 'e820' : 'NFIT'}`;
}

function compareSubjects(a: Subject, b: Subject): number {
  return a.device.localeCompare(b.device) || compareKernels(a.kernel, b.kernel) || a.filesystem.localeCompare(b.filesystem);
}

const letters: Readonly<Record<string, string>> = { M: 'MediaError', L: 'ERR_PMEM_LOST', E: 'EIO', F: 'EFAULT' };

/** What was seen, in the words of somebody who does not know that the bad page was page 5. */
export function describeSeen(seen: string): string {
  if (/^[\do]+$/.test(seen)) return 'everything';
  const [, letter] = /^o{5}([A-Z])[\do]+$/.exec(seen) ?? [];
  if (letter !== undefined && letters[letter] !== undefined) return `all but that page (${letters[letter]})`;
  return seen
    .replace(/ERR_PMEM_MEDIA by (\w+), page 5\b/, (_, source: string) => `MediaError of that page${source === 'sigbus' ? '' : ` (${source})`}`)
    .replace(/\bpage 5\b/, 'that page')
    .replace(/ \(\)$/, ' (nothing was tried)');
}

function answer({ cases, subject }: MachineCheckRecording, { case: name, observed, onSome }: ObservedRow): string {
  const found = cases.find((candidate) => candidate.name === name);
  if (found === undefined && onSome === true) return '–';
  const seen = found?.observed[observed];
  if (seen === undefined) throw new Error(`the recording of ${heading(subject)} does not say "${observed}" of the case "${name}"`);
  return describeSeen(seen);
}

function machines(traces: readonly Trace[], recordings: readonly MachineCheckRecording[]): string {
  const subjects = new Map([...traces, ...recordings].map(({ subject }) => [heading(subject), subject]));
  const measured = (all: readonly { readonly subject: Subject }[], name: string): string => (all.some(({ subject }) => heading(subject) === name) ? 'measured' : '–');
  const rows = [...subjects].sort(([, a], [, b]) => compareSubjects(a, b)).map(([name]) => [name, measured(traces, name), measured(recordings, name)]);
  return table(['kernel, filesystem, bus', 'errors on the kernel\'s list ([matrix](kernel-matrix.md))', 'machine checks (below)'], rows);
}

const introduction = `# Memory errors: what is proven, and what is not

<!-- Generated from packages/mock/traces and e2e/real-pmem/machine-checks by \`npm run docs:kernel-matrix\`. Do not edit. -->

An error reaches a program in one of three ways. The kernel *lists* it before anything touches it, because a scrub of the device or an earlier
access has found it. Or an access *consumes* it, which is a machine check in the middle of a load. Or the memory controller *finds* it and
reports it before any program has touched the page. This page says for which machines each of them was tried, and what came of it.

Machine checks are real ones as far as the kernel can tell: QEMU injects them into an unmodified Debian kernel at the instruction that touches the page
([e2e/real-pmem](../../e2e/real-pmem/README.md), job \`machine-check\`), and everything from there on, from the handler to the signal, is the kernel's own and ours.
The library ran as an ordinary user (uid 65534). *e820* is a legacy device: no firmware describes it, so a consumed error never gets on the list, and that the list is
empty says nothing. *NFIT* is an NVDIMM whose consumed errors are listed, and whose firmware has no command to clear them.`;

const limits = `## What is not proven

Nothing below was measured, so nothing is promised about it beyond that the same code handles it.

- **The second touch of bad memory.** The emulated error happens once, and the memory is good afterwards: where a table says that a process can
  still read *everything*, it got the right bytes here. Real memory would give it a machine check of its own, which the first table shows.
- **An error met by the kernel's own copy** (pread of a page with a latent error, page cache write-back, a poisoned buffer handed to a system call): the
  emulator cannot place one there without a panic. What pread says of a page whose error is known already is in the tables.
- **What other programs do to such a page.** A file that is deleted or cut short hands a page that the kernel holds
  back to the next file, whose first write takes the kernel down on ext4 (seen by hand). \`resize()\` refuses only what
  its own process has met or the list has.
- **Many errors at once, or one consumed over and over,** on several processors: the guests have one.
- **Partial clears, errors of the clear command, address-range scrubs:** the emulated devices clear everything or nothing.
- **Flushes of bad lines:** the emulated \`clwb\` touches no memory; the error was injected while one was under way.
- **Power failure in the device,** eADR, interleaving, time. Stores of a guest that is killed are not lost.
- **Other buses:** virtio-pmem behaves as e820 does (seen by hand on 7.3, not part of any job). CXL, ramdax and of_pmem
  are known from the kernel's source alone: consumed errors are not listed there either. arm64 reports memory errors by another road altogether (SEA): its code is built and never met one.
- **Device mapper, RAID, partitions** under the filesystem, and \`/dev/dax\`. Of dm-linear only listed errors were
  tried (6.12, job \`command\`): root is told which bytes they are, and repair works as without it.
- **AMD processors,** whose banks report in another format; the guests have an Intel one.`;

const unrecorded = `## Machine checks

Nothing is recorded yet: \`npm run test:real-pmem -- --all --job machine-check --record\` records it, and each of its cases states what is promised.`;

export function memoryErrorsPage(traces: readonly Trace[], unsorted: readonly MachineCheckRecording[]): string {
  const recordings = [...unsorted].sort((a, b) => compareSubjects(a.subject, b.subject));
  const headings = ['', ...recordings.map(({ subject }) => heading(subject))];
  const parts = recordings.length === 0 ? [unrecorded] : memoryErrorSections.map((section) => {
    const rows = section.rows.map((row) => [row.question, ...recordings.map((recording) => answer(recording, row))]);
    return [`## ${section.heading}`, section.text, table(headings, rows)].join('\n\n');
  });
  return [introduction, '## Machines', machines(traces, recordings), ...parts, limits].join('\n\n') + '\n';
}
