// How a program tells the test what happened: JSON lines on stdout, written before anything can kill the process.
import { writeSync } from 'node:fs';

export function report(facts) {
  writeSync(1, `${JSON.stringify(facts)}\n`);
}

/** An error of PmemFile as data. A mistake of the program itself, which has no code, is no result and stays an error. */
function dataOf(error) {
  const { name, code, ranges, operation, source, path, message } = error;
  if (code === undefined) throw error;
  return { name, code, ranges, operation, source, path, message };
}

/** What `body` throws or rejects with; null for nothing. */
export async function thrownBy(body) {
  try {
    await body();
  } catch (error) {
    return dataOf(error);
  }
  return null;
}

/** The same for calls that do not return a promise: they must throw, not reject. */
export function thrownSyncBy(body) {
  try {
    body();
  } catch (error) {
    return dataOf(error);
  }
  return null;
}
