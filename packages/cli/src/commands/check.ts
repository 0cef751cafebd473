/** safe-pmem check: which files are damaged, by the kernel's list. Touches no data. */
import type { ByteRange, DeviceFacts, DeviceSpace } from '@safe-pmem/core';
import { coalesce, rangeBetween, rangeEnd, subtract, totalLength } from '@safe-pmem/core';
import { journalOf } from '@safe-pmem/core/tools';
import type { FileBadBlock } from '@safe-pmem/core/tools';
import type { Context } from '../context.js';
import {
  badBlocksOf,
  clearText,
  deviceUnder,
  devicesOf,
  firstSector,
  listsConsumedErrors,
  lookingAt,
  reasonOf,
} from '../context.js';
import { ExitStatus, worse } from '../exit-status.js';
import { nameText } from '../output/output.js';
import { Progress } from '../output/progress.js';
import { counted, rangeText } from '../units.js';
import { joined, onDevice, survey } from './survey.js';

interface Tally {
  files: number;
  damaged: number;
  unreadable: number;
  blockBytes: number;
  owned: ByteRange[];
}

export async function check(context: Context, paths: readonly string[]): Promise<ExitStatus> {
  let status: ExitStatus = ExitStatus.HEALTHY;
  for (const path of paths) status = worse(status, await checkPath(context, path));
  return status;
}

async function checkPath(context: Context, path: string): Promise<ExitStatus> {
  const { output, tree } = context;
  const device = await deviceUnder(context, path);
  const list = await devicesOf(context).badBlocks(device.id);
  const lossy = tree.isDirectory(path) ? ExitStatus.HEALTHY : await checkJournal(context, path);
  if (!list.supported) {
    output.line(`${nameText(path)}: ${output.paint('yellow', 'cannot tell')}: ${list.reason}`);
    output.record('summary', { path, device: device.id, status: 'unknown', reason: list.reason });
    return worse(lossy, ExitStatus.UNKNOWN);
  }
  if (list.ranges.length === 0) {
    output.line(`${nameText(path)}: ${device.name} lists no bad blocks; no file had to be looked at`);
    noteBus(context, device);
    output.record('summary', {
      path,
      device: device.id,
      status: lossy === ExitStatus.HEALTHY ? 'healthy' : 'damaged',
      badBlocks: 0,
      listsConsumedErrors: listsConsumedErrors(device),
    });
    return lossy;
  }
  return worse(lossy, await checkTree(context, path, device, list));
}

async function checkTree(
  context: Context,
  path: string,
  device: DeviceFacts,
  list: { readonly supported: true; readonly ranges: readonly ByteRange[] },
): Promise<ExitStatus> {
  const { output, tree, screen, now } = context;
  const total = tree.estimate(path, device.mountPoints);
  const progress = new Progress({ screen, now, total, verb: 'looked at', unit: (count) => counted(count, 'file') });
  const tally: Tally = { files: 0, damaged: 0, unreadable: 0, blockBytes: tree.blockBytes(path), owned: [] };
  for await (const answer of survey(context, path, list.ranges)) {
    if (answer.kind !== 'file') {
      progress.clear();
      if (answer.kind === 'unreadable') tally.unreadable++;
      output.note(`not looked at: ${nameText(answer.name)}: ${answer.reason}`);
      output.record('not-looked-at', { path: answer.name, reason: answer.reason, kind: answer.kind });
      continue;
    }
    tally.files++;
    progress.show(tally.files);
    if (answer.blocks.length === 0) continue;
    progress.clear();
    tally.damaged++;
    for (const block of joined(answer.blocks)) {
      tally.owned.push(onDevice(block));
      reportBlock(context, answer.file, block, device, firstSector(device, list, onDevice(block)));
    }
    tally.owned = coalesce(tally.owned);
  }
  progress.clear();
  return summarise(context, path, device, list.ranges, tally);
}

function reportBlock(
  { output }: Context,
  file: { readonly name: string; readonly nameBytes: Buffer | undefined },
  block: FileBadBlock,
  device: DeviceFacts,
  sector: number,
): void {
  const more = [block.unwritten ? 'never written' : '', block.shared ? 'shared with another file' : ''].filter(
    (text) => text !== '',
  );
  const where = `${device.name} sector ${sector}`;
  output.line(
    [output.paint('red', nameText(file.name)), rangeText(block), where, clearText(device), ...more].join('   '),
  );
  output.record('damage', {
    path: file.name,
    ...(file.nameBytes === undefined ? {} : { pathBase64: file.nameBytes.toString('base64') }),
    offset: block.offset,
    length: block.length,
    device: device.id,
    deviceName: device.name,
    sector,
    unwritten: block.unwritten,
    shared: block.shared,
  });
}

async function summarise(
  context: Context,
  path: string,
  device: DeviceFacts,
  listed: readonly ByteRange[],
  tally: Tally,
): Promise<ExitStatus> {
  const { output } = context;
  const { files, damaged, unreadable, blockBytes } = tally;
  const all = badBlocksOf(listed, blockBytes);
  const left = subtract(all, tally.owned);
  const blocksOf = (ranges: readonly ByteRange[]): number => Math.round(totalLength(ranges) / blockBytes);
  const space = await spaceOf(context, device, left);
  const status = damaged > 0 ? ExitStatus.DAMAGED : unreadable > 0 ? ExitStatus.UNKNOWN : ExitStatus.HEALTHY;
  const parts = [`${damaged} of ${counted(files, 'file')} damaged`];
  if (space === undefined) {
    const where = "free space, the filesystem's own, or not looked at; root is told which";
    parts.push(`${counted(blocksOf(left), 'bad block')} of ${device.name} in none of them (${where})`);
  } else {
    const isAll = unreadable === 0 && device.mountPoints.includes(path);
    parts.push(`${counted(blocksOf(space.free), 'bad block')} in free space`);
    parts.push(`${blocksOf(space.others)} ${isAll ? 'without an owner' : 'in no file that was looked at'}`);
    if (space.own.length > 0) parts.push(`${blocksOf(space.own)} in the filesystem's own data`);
  }
  if (unreadable > 0) parts.push(`${unreadable} could not be looked at: root may`);
  output.line(parts.join('; '));
  noteBus(context, device);
  output.record('summary', {
    path,
    device: device.id,
    status: damaged > 0 ? 'damaged' : unreadable > 0 ? 'unknown' : 'healthy',
    files,
    damaged,
    notLookedAt: unreadable,
    badBlocks: Math.round(totalLength(all) / blockBytes),
    badBlocksElsewhere: blocksOf(left),
    ...(space === undefined ? {} : { badBlocksFree: blocksOf(space.free), badBlocksOfFilesystem: blocksOf(space.own) }),
    listsConsumedErrors: listsConsumedErrors(device),
  });
  return status;
}

interface Space {
  readonly free: readonly ByteRange[];
  /** The filesystem's own data. */
  readonly own: readonly ByteRange[];
  /** Allocated, to no file that was found. */
  readonly others: readonly ByteRange[];
}

/** Asks the filesystem about bad blocks in no file that was looked at; undefined if it does not tell this user. */
async function spaceOf(
  context: Context, device: DeviceFacts, ranges: readonly ByteRange[],
): Promise<Space | undefined> {
  if (ranges.length === 0) return { free: [], own: [], others: [] };
  const [mountPoint] = device.mountPoints;
  const outcome = mountPoint === undefined ? undefined : await devicesOf(context).spaceOf?.(mountPoint, ranges);
  if (outcome === undefined || 'failure' in outcome) return undefined;
  const of = (use: DeviceSpace['use']): ByteRange[] => coalesce(outcome.spaces.filter((space) => space.use === use));
  const [free, own] = [of('free'), of('filesystem')];
  return { free, own, others: subtract(ranges, [...free, ...own]) };
}

/** A file that is named is also asked for what earlier repairs left. */
async function checkJournal(context: Context, path: string): Promise<ExitStatus> {
  const { output } = context;
  try {
    return await lookingAt(path, context.driver, async (file) => {
      const journal = await journalOf(file);
      if (journal.status === 'none' || journal.pending.length + journal.lost.length === 0) return ExitStatus.HEALTHY;
      const end = file.mappedBytes;
      for (const { offset, length } of [...journal.pending, ...journal.lost]) {
        const range = rangeBetween(offset, Math.min(rangeEnd({ offset, length }), end));
        const kind = journal.lost.some((one) => one.offset === offset) ? 'lost' : 'pending';
        const what = kind === 'lost' ? 'lost by an earlier repair' : 'its repair was cut off';
        output.line(`${output.paint('red', nameText(path))}   ${rangeText(range)}   ${what}`);
        output.record('journal', { path, kind, offset: range.offset, length: range.length });
      }
      return ExitStatus.DAMAGED;
    });
  } catch (error) {
    output.note(`${nameText(path)}: its repair journal could not be looked at: ${reasonOf(error)}`);
    return ExitStatus.UNKNOWN;
  }
}

function noteBus({ output }: Context, device: DeviceFacts): void {
  if (listsConsumedErrors(device)) return;
  output.note(
    `${device.name}: its bus${device.bus === undefined ? '' : ` (${device.bus.provider})`} does not list errors that ` +
      'programs meet; scrub finds those',
  );
}
