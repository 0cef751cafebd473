/** safe-pmem journal: what earlier repairs left pending or lost. */
import { totalLength } from '@safe-pmem/core';
import type { PendingUnit } from '@safe-pmem/core/tools';
import { journalOf } from '@safe-pmem/core/tools';
import type { Context } from '../context.js';
import { lookingAt } from '../context.js';
import { ExitStatus } from '../exit-status.js';
import { nameText } from '../output/output.js';
import { counted, rangeText } from '../units.js';

export async function journal(context: Context, path: string): Promise<ExitStatus> {
  const { output } = context;
  const report = await lookingAt(path, context.driver, journalOf);
  const where = nameText(report.path);
  if (report.status === 'none') {
    output.line(
      report.isStale
        ? `${where} is not in force; the next open for writing removes it`
        : `${nameText(path)} has no repair journal: nothing is pending, nothing is lost`,
    );
    output.record('journal', { path, status: 'none', isStale: report.isStale, pending: [], lost: [] });
    return ExitStatus.HEALTHY;
  }
  const { status, id, isSameBoot, pending, lost } = report;
  output.line(`${where}${id === undefined ? '' : `, id ${id}`}`);
  output.line(
    status === 'own'
      ? 'belongs to this file'
      : 'came with a copy of its file: what it names stays unreadable until a program opens the file with ' +
          "journal: 'adopt'",
  );
  const boot =
    isSameBoot === undefined
      ? ''
      : isSameBoot
        ? ' (written since the machine was started)'
        : ' (from before the last start of the machine)';
  for (const unit of pending)
    output.line(`${output.paint('yellow', 'pending')}  ${rangeText(unit)}   ${contentText(unit)}${boot}`);
  for (const range of lost)
    output.line(
      `${output.paint('red', 'lost')}     ${rangeText(range)}   reads as ERR_PMEM_LOST until it is written`,
    );
  output.line(
    `${counted(pending.length, 'unit')} pending: the next open for writing finishes them; ` +
      `${totalLength(lost)} bytes lost`,
  );
  output.record('journal', { path, status, journalPath: report.path, id, isSameBoot, pending, lost });
  return pending.length + lost.length > 0 ? ExitStatus.DAMAGED : ExitStatus.HEALTHY;
}

function contentText(unit: PendingUnit): string {
  const uniform = unit.uniformByte === undefined ? 'content in the journal' : `all bytes ${unit.uniformByte}`;
  const content = unit.hasContent ? uniform : 'being rebuilt, no content in the journal';
  return `${content}, file of ${unit.fileSizeBytes} B then`;
}
