/** safe-pmem salvage: copies all that can still be read, and lists the rest beside the copy. */
import type { SalvageGap } from '@safe-pmem/core';
import { formatRange, PmemFile, rangeEnd, totalLength } from '@safe-pmem/core';
import type { Context } from '../context.js';
import { ExitStatus } from '../exit-status.js';
import { JSON_VERSION, nameText } from '../output/output.js';
import { Progress } from '../output/progress.js';
import { counted, roundBytes } from '../units.js';

/** Bytes held in memory at once. */
const CHUNK_BYTES = 8 * 1024 * 1024;
const SHOWN_GAPS = 3;

export interface SalvageOptions {
  /** The byte that stands in a gap of the copy; undefined leaves a hole. */
  readonly fill: number | undefined;
}

export async function salvage(
  context: Context,
  source: string,
  copy: string,
  { fill }: SalvageOptions,
): Promise<ExitStatus> {
  const { output, driver, destination, screen, now, interrupted } = context;
  const listing = `${copy}.gaps.json`;
  const file = await PmemFile.open(source, { driver, readOnly: true });
  try {
    // Both names first: nothing is read for a copy that cannot be kept.
    const list = await destination.create(listing);
    const target = await destination.create(copy).catch(async (error: unknown) => {
      await list.discard();
      throw error;
    });
    try {
      const sizeBytes = file.size;
      const progress = new Progress({ screen, now, total: sizeBytes, verb: 'copied', unit: roundBytes });
      const gaps: SalvageGap[] = [];
      for (let offset = 0; offset < sizeBytes; offset += CHUNK_BYTES) {
        interrupted.throwIfAborted();
        const found = await file.salvage({ offset, length: Math.min(CHUNK_BYTES, sizeBytes - offset) });
        for (const piece of found.pieces) await target.write(piece.bytes, piece.offset);
        for (const gap of found.gaps) {
          if (fill !== undefined) await target.write(new Uint8Array(gap.length).fill(fill), gap.offset);
          addGap(gaps, gap);
        }
        progress.show(Math.min(sizeBytes, offset + CHUNK_BYTES));
      }
      progress.clear();
      const salvagedBytes = sizeBytes - totalLength(gaps);
      const text = { version: JSON_VERSION, source, copy, sizeBytes, salvagedBytes, gaps };
      // The list is there before the copy has its name: no copy without it.
      if (gaps.length > 0) {
        const bytes = Buffer.from(`${JSON.stringify(text, undefined, 2)}\n`);
        await list.write(bytes, 0);
        await list.finish(bytes.length);
      }
      await target.finish(sizeBytes);
      report(context, text, listing, fill);
      return gaps.length > 0 ? ExitStatus.DAMAGED : ExitStatus.HEALTHY;
    } finally {
      await target.discard();
      await list.discard();
    }
  } catch (error) {
    if (!interrupted.aborted) throw error;
    output.line(`interrupted: nothing was left at ${nameText(copy)}`);
    output.record('summary', { source, copy, status: 'unknown', isComplete: false });
    return ExitStatus.UNKNOWN;
  } finally {
    await file.close();
  }
}

interface SalvageText {
  readonly source: string;
  readonly copy: string;
  readonly sizeBytes: number;
  readonly salvagedBytes: number;
  readonly gaps: readonly SalvageGap[];
}

function report({ output }: Context, text: SalvageText, listing: string, fill: number | undefined): void {
  const { sizeBytes, salvagedBytes, gaps } = text;
  const shown = gaps
    .slice(0, SHOWN_GAPS)
    .map((gap) => formatRange(gap))
    .join(', ');
  const more = gaps.length > SHOWN_GAPS ? ` and ${gaps.length - SHOWN_GAPS} more` : '';
  const listed =
    gaps.length === 0 ? 'no gaps' : `${counted(gaps.length, 'gap')} ${shown}${more}, listed in ${nameText(listing)}`;
  output.line(`${salvagedBytes} of ${sizeBytes} bytes; ${listed}`);
  if (gaps.length > 0)
    output.note(
      `in the copy the gaps hold ${fill === undefined ? 'zeros (holes)' : `bytes of ${fill}`}, ` +
        'which no program ever stored',
    );
  output.record('summary', {
    ...text,
    status: gaps.length > 0 ? 'damaged' : 'healthy',
    isComplete: true,
    gapsFile: gaps.length > 0 ? listing : undefined,
  });
}

/** Neighbours with the same reason are one gap, also across chunks. */
function addGap(gaps: SalvageGap[], gap: SalvageGap): void {
  const last = gaps.at(-1);
  if (last?.reason === gap.reason && rangeEnd(last) === gap.offset) {
    gaps[gaps.length - 1] = { offset: last.offset, length: last.length + gap.length, reason: gap.reason };
  } else gaps.push(gap);
}
