/** safe-pmem map: a picture of a file. */
import type { Context } from '../context.js';
import { ExitStatus } from '../exit-status.js';
import type { Color } from '../output/output.js';
import { nameText } from '../output/output.js';
import { roundBytes } from '../units.js';
import type { State } from './file-picture.js';
import { bytesOf, cellsOf, pictureOf, STATES } from './file-picture.js';

const LOOK: Record<State, { readonly sign: string; readonly color: Color; readonly means: string }> = {
  bad: { sign: 'X', color: 'red', means: 'bad: the kernel lists it' },
  lost: { sign: 'L', color: 'red', means: 'lost: an earlier repair had nothing to put there' },
  pending: { sign: 'P', color: 'yellow', means: 'its repair was cut off: the next open for writing finishes it' },
  healthy: { sign: '#', color: 'green', means: 'nothing is known against it' },
  unwritten: { sign: 'u', color: 'dim', means: 'allocated, never written' },
  hole: { sign: '.', color: 'dim', means: 'hole' },
};

const ROWS_MAX = 16;
/** The offset in front of each row, and two spaces. */
const MARGIN = 16;

export interface MapOptions {
  readonly width: number | undefined;
}

export async function map(context: Context, path: string, options: MapOptions): Promise<ExitStatus> {
  const { output } = context;
  const picture = await pictureOf(path, context.driver);
  const { sizeBytes, blockBytes, unknown } = picture;
  const width = options.width ?? Math.max(8, Math.min(128, output.columns - MARGIN));
  const blocks = Math.ceil(sizeBytes / blockBytes);
  const cellBytes = Math.max(1, Math.ceil(blocks / (width * ROWS_MAX))) * blockBytes;
  const cells = cellsOf(picture, Math.ceil(sizeBytes / cellBytes), cellBytes);
  output.line(`${nameText(path)}: ${sizeBytes} bytes, ${roundBytes(cellBytes)} a sign`);
  for (let at = 0; at < cells.length; at += width) {
    output.line(`${String(at * cellBytes).padStart(MARGIN - 2)}  ${drawn(context, cells.slice(at, at + width))}`);
  }
  for (const state of STATES) {
    const { sign, color, means } = LOOK[state];
    const bytes = bytesOf(picture, state);
    if (bytes > 0) output.line(`${output.paint(color, sign)}  ${String(bytes).padStart(MARGIN - 2)} B  ${means}`);
  }
  if (unknown !== undefined) output.line(`${output.paint('yellow', 'cannot tell')} which blocks are bad: ${unknown}`);
  const isDamaged = bytesOf(picture, 'bad') + bytesOf(picture, 'lost') + bytesOf(picture, 'pending') > 0;
  const status = isDamaged ? ExitStatus.DAMAGED : unknown === undefined ? ExitStatus.HEALTHY : ExitStatus.UNKNOWN;
  output.record('map', {
    path,
    sizeBytes,
    status: isDamaged ? 'damaged' : unknown === undefined ? 'healthy' : 'unknown',
    reason: unknown,
    states: picture.states,
  });
  return status;
}

/** Runs of one state are painted together. */
function drawn({ output }: Context, cells: readonly State[]): string {
  let text = '';
  for (let start = 0; start < cells.length;) {
    const state = cells[start] as State;
    let end = start;
    while (cells[end] === state) end++;
    text += output.paint(LOOK[state].color, LOOK[state].sign.repeat(end - start));
    start = end;
  }
  return text;
}
