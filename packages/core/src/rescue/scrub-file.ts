/** scrub() of an open file: checks what is asked for, and makes known what the reads have met. */
import { ownOption, requireFunction, requireRate } from '../arguments.js';
import type { OpenState } from '../opening/open-state.js';
import type { ScrubOptions, ScrubReport } from './scrub.js';
import { scrubRange } from './scrub.js';

/** See PmemFile.scrub(). */
export async function scrubFile(state: OpenState, options: ScrubOptions): Promise<ScrubReport> {
  state.assertOpen();
  const bytesPerSecond = ownOption(options, 'bytesPerSecond');
  const onProgress = ownOption(options, 'onProgress');
  const asked = ownOption(options, 'signal');
  requireFunction('onProgress', onProgress);
  requireRate('bytesPerSecond', bytesPerSecond);
  const range = state.rangeOrWhole(ownOption(options, 'range'));
  const { closing, file, unsafe, faultPath } = state;
  const signal = asked === undefined ? closing : AbortSignal.any([asked, closing]);
  const report = await scrubRange(file, unsafe, { range, bytesPerSecond, signal, onProgress }, state);
  if (report.found.length > 0) faultPath.mediaError('scrub', 'errno', report.found);
  return report;
}
