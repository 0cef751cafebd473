/** safe-pmem info: what is promised for a file here, and what is not. */
import type { Extent, FileInfo } from '@safe-pmem/core';
import { defaultHugePages, fileInfo, hugePageBytes, journalOf, zeroRangeOf } from '@safe-pmem/core/tools';
import type { Context } from '../context.js';
import { deviceUnder, listsConsumedErrors, lookingAt, reasonOf } from '../context.js';
import { ExitStatus } from '../exit-status.js';
import { nameText } from '../output/output.js';

interface Facts {
  readonly info: FileInfo;
  readonly list: { readonly supported: true } | { readonly supported: false; readonly reason: string };
  readonly deviceName: string;
  readonly listsConsumed: boolean;
  /** Huge pages that extents hold whole; undefined if extents cannot be had. */
  readonly hugePages: number | undefined;
  readonly hugeBytes: number;
  readonly pageBytes: number;
  readonly journal: string;
}

export async function info(context: Context, path: string): Promise<ExitStatus> {
  const { output } = context;
  const facts = await factsOf(context, path);
  for (const [what, promise] of rowsOf(facts)) output.line(`${output.paint('bold', what.padEnd(14))} ${promise}`);
  const { info: file, list, deviceName, listsConsumed, hugePages, journal } = facts;
  output.record('info', {
    ...file,
    deviceName,
    badBlockList: list,
    listsConsumedErrors: listsConsumed,
    alignedHugePages: hugePages,
    journal,
  });
  return ExitStatus.HEALTHY;
}

async function factsOf(context: Context, path: string): Promise<Facts> {
  const device = await deviceUnder(context, path);
  return lookingAt(path, context.driver, async (file) => {
    const list = await file.badBlocks();
    const journal = await journalOf(file).then(
      (report) =>
        report.status === 'none'
          ? 'none'
          : `${report.status}: ${report.pending.length} pending, ${report.lost.length} lost (${nameText(report.path)})`,
      (error: unknown) => `cannot be used: ${reasonOf(error)}`,
    );
    const outcome = file.mappedBytes === 0 ? { extents: [] } : await file.extents(0, file.mappedBytes);
    const hugeBytes = hugePageBytes(file.facts);
    const aligned =
      'extents' in outcome ? outcome.extents.reduce((sum, extent) => sum + alignedIn(extent, hugeBytes), 0) : undefined;
    return {
      info: fileInfo(file.facts, {
        sizeBytes: file.mappedBytes,
        zeroRange: zeroRangeOf(file),
        hugePages: defaultHugePages(file.facts),
      }),
      list,
      deviceName: device.name,
      listsConsumed: listsConsumedErrors(device),
      hugePages: aligned,
      hugeBytes,
      pageBytes: file.facts.pageBytes,
      journal,
    };
  });
}

/** Huge pages that lie whole in an extent, at the same place in file and device. */
function alignedIn({ offset, length, physicalOffset }: Extent, hugeBytes: number): number {
  if ((offset - physicalOffset) % hugeBytes !== 0) return 0;
  const first = Math.ceil(offset / hugeBytes);
  return Math.max(0, Math.floor((offset + length) / hugeBytes) - first);
}

function rowsOf(facts: Facts): [string, string][] {
  const { info: file, list, deviceName, listsConsumed, hugePages, hugeBytes, pageBytes, journal } = facts;
  return [
    [
      'file',
      `${nameText(file.path)}, ${file.sizeBytes} bytes, ${file.filesystem} on ${deviceName}, ` +
        `Linux ${file.kernelRelease}`,
    ],
    ['DAX', file.dax ? 'yes: loads and stores reach the medium' : 'no: through the page cache'],
    [
      'persist',
      file.persistMethod === 'cpu-flush'
        ? `${file.persistInstruction}, from user space: durable when it returns`
        : 'msync: blocks; durable when it returns if the device keeps its word',
    ],
    [
      'list',
      list.supported
        ? `of ${deviceName}, readable; errors that programs meet are ${
            listsConsumed ? 'entered' : 'NOT entered by this bus: scrub finds them'
          }`
        : `cannot tell which blocks are bad: ${list.reason}`,
    ],
    [
      'clear',
      {
        yes: 'the device can clear poison',
        no: 'the device cannot clear poison: a repair in place will fail',
        unknown: 'not known whether the device can clear poison',
      }[file.canClear],
    ],
    [
      'repair',
      [
        `in units of ${file.repairUnitBytes} bytes`,
        file.recoveryWrite ? 'by a whole-page write' : 'no recovery write on this kernel',
        `zero-range: ${file.zeroRange}`,
      ].join('; '),
    ],
    [
      'huge pages',
      hugePages === undefined
        ? 'extents cannot be had'
        : `${hugePages} aligned ${hugeBytes / 1024 ** 2} MiB pages: ${
            file.hugePages === 'avoid'
              ? `PmemFile maps them by ${pageBytes / 1024} KiB unless told otherwise; other programs may map them whole`
              : 'an error in one may be reported for all of it'
          }`,
    ],
    ['journal', journal],
    ['not promised', 'that what is not listed is healthy; that other programs which open the file are spared'],
  ];
}
