/** Where the files of a benchmark lie: on the checkout's own filesystem, or where SAFE_PMEM_BENCH_DIRECTORY says. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';

const base = process.env.SAFE_PMEM_BENCH_DIRECTORY ?? path.join(import.meta.dirname, 'build');
mkdirSync(base, { recursive: true });
export const directory = mkdtempSync(path.join(base, 'run-'));
process.on('exit', () => { rmSync(directory, { recursive: true, force: true }); });

/** Packages that have another name here for Node.js 22 and later. */
const onNewNode = { 'better-sqlite3': 'better-sqlite3-13' };

/** A competitor, or why it cannot take part. The table shows the latter in its place. */
export async function competitor(name) {
  try {
    return { module: await import(Number.parseInt(process.versions.node) < 22 ? name : (onNewNode[name] ?? name)) };
  } catch (error) {
    return { absent: `${name}: ${error.message.split('\n', 1)[0]}` };
  }
}
