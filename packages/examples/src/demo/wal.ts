/** `npm run demo -- wal`: a log, poison, a process that dies of it and one that does not. */
import { playAlone, playMirrored } from './act-mock.js';
import type { Audit, DemoOptions } from './demo.js';
import { unplayed } from './demo.js';
import type { Screen } from './screen.js';

export const title = 'what poison does to a write-ahead log';

export async function play(screen: Screen, { seed, mockOnly, truncate }: DemoOptions): Promise<readonly Audit[]> {
  const audits: Audit[] = [...(await playMirrored(screen, seed)), ...(await playAlone(screen, seed))];
  if (mockOnly) return audits;
  try {
    // Loaded here, so that a machine without the addon still sees the rest.
    const { playNative } = await import('./act-native.js');
    return [...audits, ...(await playNative(screen, seed, truncate))];
  } catch (error) {
    screen.say(`This act did not come to its end: ${error instanceof Error ? error.message : String(error)}`, 'red');
    return [...audits, unplayed('native', error)];
  }
}
