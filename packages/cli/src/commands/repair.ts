/** safe-pmem repair: shows what it would do, and does it with --yes. */
import type { ByteRange, RepairOptions, RepairReceipt, RepairedUnit } from '@safe-pmem/core';
import { coalesce, formatRange, formatRanges, isRepairError, PmemFile, totalLength } from '@safe-pmem/core';
import type { Context } from '../context.js';
import { deviceUnder } from '../context.js';
import { clearAbility } from '@safe-pmem/core/tools';
import { ExitStatus, UsageError } from '../exit-status.js';
import { nameText } from '../output/output.js';
import { Progress } from '../output/progress.js';
import { counted, rangeText } from '../units.js';
import type { FilePicture } from './file-picture.js';
import { pictureOf } from './file-picture.js';
import { Replica } from './replica.js';

export interface RepairCommandOptions {
  readonly from: string | undefined;
  readonly fill: number | undefined;
  readonly leaveLost: boolean;
  readonly ranges: readonly ByteRange[];
  readonly evenIfDifferent: boolean;
  readonly yes: boolean;
}

interface Plan {
  readonly path: string;
  readonly picture: FilePicture;
  readonly ranges: readonly ByteRange[];
  readonly replica: Replica | undefined;
  readonly differences: readonly ByteRange[];
}

export async function repair(context: Context, path: string, options: RepairCommandOptions): Promise<ExitStatus> {
  const { from, fill, leaveLost } = options;
  if ([from !== undefined, fill !== undefined, leaveLost].filter(Boolean).length !== 1) {
    throw new UsageError('say what the lost bytes are to hold: one of --from FILE, --fill BYTE and --leave-lost');
  }
  const { output, driver } = context;
  const picture = await pictureOf(path, driver);
  const { bad, lost, pending } = picture.states;
  // Bytes that stay lost need no repair once they are recorded as lost.
  const ranges = coalesce([...bad, ...pending, ...(leaveLost ? [] : lost), ...options.ranges]);
  if (ranges.length === 0) return nothingToDo(context, path, picture);
  for (const range of ranges) {
    if (range.offset + range.length > picture.sizeBytes)
      throw new UsageError(`${formatRange(range)} is past the end of the file, which has ${picture.sizeBytes} bytes`);
  }
  const replica = from === undefined ? undefined : await Replica.open(from, path, driver);
  try {
    const differences = (await replica?.differences(path, ranges, driver)) ?? [];
    const plan = { path, picture, ranges, replica, differences };
    await showPlan(context, plan, options);
    if (!options.yes) {
      output.line('nothing was changed; with --yes this is done');
      return ExitStatus.DAMAGED;
    }
    if (differences.length > 0 && !options.evenIfDifferent) {
      output.line('nothing was changed: --even-if-different takes the bytes of this replica all the same');
      return ExitStatus.DAMAGED;
    }
    return await carryOut(context, plan, options);
  } finally {
    await replica?.close();
  }
}

function nothingToDo({ output }: Context, path: string, { unknown, journal }: FilePicture): ExitStatus {
  const isLost = journal.status !== 'none' && journal.lost.length > 0;
  if (unknown !== undefined)
    output.line(`${output.paint('yellow', 'cannot tell')} which blocks are bad: ${unknown}; --range names them`);
  else
    output.line(
      `${nameText(path)}: ${isLost ? 'what is lost stays lost, and nothing else' : 'nothing'} is known to be bad; ` +
        'scrub finds errors that are not known yet',
    );
  const status = isLost ? ExitStatus.DAMAGED : unknown === undefined ? ExitStatus.HEALTHY : ExitStatus.UNKNOWN;
  output.record('summary', {
    path,
    status: isLost ? 'damaged' : unknown === undefined ? 'healthy' : 'unknown',
    changed: false,
    units: [],
  });
  return status;
}

async function showPlan(context: Context, plan: Plan, { fill, leaveLost }: RepairCommandOptions): Promise<void> {
  const { output } = context;
  const { path, picture, ranges, replica, differences } = plan;
  const from =
    replica === undefined
      ? leaveLost
        ? 'nothing: they stay lost, and read as ERR_PMEM_LOST'
        : `the byte ${fill ?? 0}`
      : nameText(replica.path);
  output.line(`${nameText(path)}: lost bytes of these ${counted(totalLength(ranges), 'byte')} get ${from}`);
  for (const range of ranges) output.line(`  ${rangeText(range)}`);
  const { journal } = picture;
  if (journal.status === 'own' && journal.pending.length > 0) {
    output.line(
      `  first, ${counted(journal.pending.length, 'unit')} of a repair that was cut off ` +
        `${journal.pending.length === 1 ? 'is' : 'are'} finished, from its journal`,
    );
  }
  const device = await deviceUnder(context, path);
  if (clearAbility(device) === 'no')
    output.note(`${device.name} cannot clear poison: the repair will fail, and change nothing`);
  if (differences.length > 0) {
    output.note(
      `${nameText(replica?.path ?? '')} differs from the file in healthy bytes beside them, ` +
        `${formatRanges(differences)}: it may be another file, or an older one`,
    );
  }
  output.record('plan', {
    path,
    ranges,
    from: replica?.path,
    fill,
    leaveLost,
    differences,
    canClear: clearAbility(device),
  });
}

async function carryOut(context: Context, plan: Plan, { fill }: RepairCommandOptions): Promise<ExitStatus> {
  const { driver, screen, now, interrupted, output } = context;
  const { path, ranges, replica } = plan;
  const file = await PmemFile.open(path, { driver });
  const progress = new Progress({
    screen,
    now,
    total: totalLength(ranges),
    verb: 'repaired',
    unit: (count) => `${count} B`,
  });
  const what: RepairOptions =
    replica !== undefined ? { rebuild: (range) => replica.bytesOf(range) } : fill === undefined ? {} : { fill };
  try {
    const receipt = await file.repair(ranges, {
      ...what,
      signal: interrupted,
      onProgress: ({ doneBytes }) => {
        progress.show(doneBytes);
      },
    });
    progress.clear();
    return tell(context, path, receipt);
  } catch (error) {
    progress.clear();
    if (interrupted.aborted && !isRepairError(error)) {
      output.line('interrupted: what was begun is in the journal, and the next repair goes on');
      output.record('summary', { path, status: 'damaged', changed: true, isComplete: false });
      return ExitStatus.DAMAGED;
    }
    if (!isRepairError(error)) throw error;
    output.line(`${output.paint('red', 'not repaired')}: ${error.message}`);
    for (const { range, strategy, step, errno } of error.attempts)
      output.line(`  ${formatRange(range)}: ${strategy}, ${step}: errno ${errno}`);
    return tell(context, path, error.receipt, error.message);
  } finally {
    await file.close();
  }
}

function tell({ output }: Context, path: string, receipt: RepairReceipt, failure?: string): ExitStatus {
  const units = receipt.units.filter((unit) => unit.outcome !== 'healthy');
  for (const unit of units) output.line(`  ${rangeText(unit.range)}   ${unitText(unit)}`);
  const stillLost = units.reduce((sum, unit) => sum + totalLength(unit.tombstoned), 0);
  const isWhole = failure === undefined && stillLost === 0 && units.every(({ outcome }) => outcome !== 'failed');
  const done = units.filter(({ outcome }) => outcome !== 'failed').length;
  output.line(`${counted(done, 'unit')} repaired${stillLost > 0 ? `; ${stillLost} bytes stay lost` : ''}`);
  output.record('summary', {
    path,
    status: isWhole ? 'healthy' : 'damaged',
    changed: done > 0,
    isComplete: failure === undefined,
    reason: failure,
    units,
  });
  return isWhole ? ExitStatus.HEALTHY : ExitStatus.DAMAGED;
}

function unitText({ outcome, strategy, lost, rebuilt, filled, tombstoned, released }: RepairedUnit): string {
  const counts = (
    [
      ['lost', lost],
      ['rebuilt', rebuilt],
      ['filled', filled],
      ['stay lost', tombstoned],
    ] as const
  )
    .filter(([, ranges]) => ranges.length > 0)
    .map(([word, ranges]) => `${totalLength(ranges)} B ${word}`);
  const left =
    released.length > 0
      ? `; its old block went back to free space, poisoned: ${formatRanges(released)} of the device`
      : '';
  const how = strategy === undefined ? '' : ` by ${strategy}`;
  return `${outcome}${how}: ${counts.join(', ') || 'no byte was lost'}${left}`;
}
