/** safe-pmem scrub: reads a file to find media errors that are not known yet. */
import type { ByteRange } from '@safe-pmem/core';
import { intersectAll, PmemFile, totalLength } from '@safe-pmem/core';
import type { Context } from '../context.js';
import { ExitStatus } from '../exit-status.js';
import { nameText } from '../output/output.js';
import { Progress } from '../output/progress.js';
import { counted, rangeText, roundBytes } from '../units.js';

export interface ScrubCommandOptions {
  readonly rate: number | undefined;
  readonly range: ByteRange | undefined;
}

export async function scrub(
  context: Context,
  path: string,
  { rate, range }: ScrubCommandOptions,
): Promise<ExitStatus> {
  const { output, driver, screen, now, interrupted } = context;
  const file = await PmemFile.open(path, { driver, readOnly: true });
  try {
    const total = range?.length ?? file.size;
    const progress = new Progress({ screen, now, total, verb: 'scrubbed', unit: roundBytes });
    let [doneBytes, met]: [number, readonly ByteRange[]] = [0, []];
    let error: unknown;
    const report = await file
      .scrub({
        signal: interrupted,
        ...(rate === undefined ? {} : { bytesPerSecond: rate }),
        ...(range === undefined ? {} : { range }),
        onProgress: (state) => {
          doneBytes = state.doneBytes;
          met = state.mediaErrors;
          progress.show(doneBytes, met.length === 0 ? '' : `, ${counted(met.length, 'media error')}`);
        },
      })
      .catch((reason: unknown) => {
        error = reason;
        return { mediaErrors: met, found: [] as readonly ByteRange[] };
      });
    progress.clear();
    for (const bad of report.mediaErrors) {
      const isNew = intersectAll([bad], report.found).length > 0;
      const how = error !== undefined ? 'bad' : isNew ? 'found now' : 'known before';
      output.line(`${output.paint('red', nameText(path))}   ${rangeText(bad)}   ${how}`);
      output.record('media-error', { path, offset: bad.offset, length: bad.length, isNew });
    }
    if (error !== undefined && !interrupted.aborted) throw asError(error);
    const lostBytes = totalLength(report.mediaErrors);
    const isWhole = error === undefined;
    const how = isWhole ? `${total} bytes read` : `interrupted after ${doneBytes} of ${total} bytes`;
    output.line(`${nameText(path)}: ${how}; ${lostBytes} bytes cannot be read`);
    if (isWhole && !file.info().dax)
      output.note(`${nameText(path)}: not on DAX, so the page cache may have answered for the medium`);
    const status = lostBytes > 0 ? ExitStatus.DAMAGED : isWhole ? ExitStatus.HEALTHY : ExitStatus.UNKNOWN;
    output.record('summary', {
      path,
      status: lostBytes > 0 ? 'damaged' : isWhole ? 'healthy' : 'unknown',
      scrubbedBytes: isWhole ? total : doneBytes,
      totalBytes: total,
      unreadableBytes: lostBytes,
      isComplete: isWhole,
      dax: file.info().dax,
    });
    return status;
  } finally {
    await file.close();
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
