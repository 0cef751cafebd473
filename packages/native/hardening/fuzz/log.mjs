import { openSync, writeSync } from 'node:fs';

/** A line at once, so that the last one is there when the process is not. */
export function openLog(file) {
  const descriptor = openSync(file, 'a');
  return (text) => {
    writeSync(descriptor, `${text}\n`);
  };
}
