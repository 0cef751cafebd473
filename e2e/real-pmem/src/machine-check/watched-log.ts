/** A log with a mirror that repairs what the kernel lists or announces, before any reader meets it. */
import path from 'node:path';
import type { Driver } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import type { Wal, WalWatchOutcome } from '@safe-pmem/examples/wal';
import { page } from '../scenarios/file-steps.js';
import { filePages } from './accesses.js';

const RECORDS = 12;
const RECORD_BYTES = 3000;

function recordOf(index: number): Buffer {
  return Buffer.alloc(RECORD_BYTES, index + 1);
}

export class WatchedLog {
  readonly repairs: string[] = [];
  readonly #wal: Wal;
  readonly #files: readonly PmemFile[];

  private constructor(wal: Wal, files: readonly PmemFile[]) {
    this.#wal = wal;
    this.#files = files;
  }

  static async open(directory: string, driver: Driver): Promise<WatchedLog> {
    // Here alone: every file that a program loads costs a guest a round trip.
    const { Wal: opener } = await import('@safe-pmem/examples/wal');
    const open = (name: string): Promise<PmemFile> =>
      PmemFile.open(path.join(directory, name), { driver, create: true, size: page(filePages), preallocate: true });
    const file = await open('log');
    const mirror = await open('mirror');
    const wal = await opener.open({ file, mirror, create: true });
    for (let i = 0; i < RECORDS; i++) wal.append(recordOf(i));
    wal.commit();
    const log = new WatchedLog(wal, [file, mirror]);
    await wal.watch({ onRepair: (outcome) => { log.repairs.push(inWords(outcome)); } });
    return log;
  }

  async readable(): Promise<string> {
    let right = 0;
    for await (const item of this.#wal.replay()) {
      if (item.type === 'record' && Buffer.compare(item.payload, recordOf(right)) === 0) right++;
    }
    return `${right} of ${RECORDS}`;
  }

  async close(): Promise<void> {
    this.#wal.close();
    for (const file of this.#files) await file.close();
  }
}

function inWords(outcome: WalWatchOutcome): string {
  if ('error' in outcome) return `error ${String(outcome.error)}`;
  const { rebuilt, lost, failed, emptied } = outcome.report;
  const counts = { rebuilt: rebuilt.length, lost: lost.length, failed: failed.length, emptied: emptied.length };
  return Object.entries(counts).filter(([, count]) => count > 0).map(([word]) => word).join(' and ');
}
