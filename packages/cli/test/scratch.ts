import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ByteRange, DeviceBadBlocks, Driver } from '@safe-pmem/core';
import { openForLooking } from '@safe-pmem/core/tools';
import { nativeDriver } from '@safe-pmem/native';
import { onTestFinished } from 'vitest';
import type { Surroundings } from '../src/index.js';
import { nativeSurroundings, runCli } from '../src/index.js';

const folder = path.resolve(fileURLToPath(import.meta.url), '..', '..');
export const BIN = path.join(folder, 'dist', 'bin.js');

/** A folder on the checkout's own filesystem, gone when the test is over. */
export function scratchFolder(): string {
  const base = path.join(folder, 'build');
  mkdirSync(base, { recursive: true });
  const scratch = mkdtempSync(path.join(base, 'cli-test-'));
  onTestFinished(() => {
    rmSync(scratch, { recursive: true, force: true });
  });
  return scratch;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command, in a process of its own. */
export function safePmem(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
  assertBuilt();
  return spawnSync(process.execPath, [BIN, ...argv], { encoding: 'utf8', env: { ...process.env, ...env } });
}

export function startSafePmem(argv: readonly string[]): {
  child: ChildProcess;
  ended: Promise<Ended & { signal: string | null }>;
} {
  assertBuilt();
  const child = spawn(process.execPath, [BIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => {
    stdout += String(text);
  });
  child.stderr.on('data', (text: Buffer) => {
    stderr += String(text);
  });
  const ended = new Promise<Ended & { signal: string | null }>((resolve) => {
    child.on('close', (status, signal) => {
      resolve({ status, signal, stdout, stderr });
    });
  });
  return { child, ended };
}

function assertBuilt(): void {
  if (!existsSync(BIN)) throw new Error(`${BIN} is missing: npm run build`);
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

let surroundings: Surroundings | undefined;

/** The first block of a real file, as bytes of its device. */
export async function firstBlockOf(file: string): Promise<ByteRange> {
  const opened = await openForLooking(file, nativeDriver());
  try {
    const outcome = await opened.extents(0, 4096);
    const extent = 'extents' in outcome ? outcome.extents[0] : undefined;
    if (extent === undefined)
      throw new Error(`the place of ${file} on its device cannot be had: these tests need FIEMAP`);
    return { offset: extent.physicalOffset, length: 512 };
  } finally {
    await opened.close();
  }
}

/**
 * The real driver and the real walk, on a device whose list is made up. `opened` counts the files that were looked
 * at.
 */
export function onRealFiles(listed: readonly ByteRange[]): {
  run: (...argv: string[]) => Promise<Ended>;
  opened: string[];
} {
  const native = nativeDriver();
  const opened: string[] = [];
  const list: DeviceBadBlocks = { supported: true, ranges: listed };
  const devices = native.devices;
  if (devices === undefined) throw new Error('the native driver speaks of devices');
  const driver: Driver = {
    name: native.name,
    devices: {
      ofPath: (file) => devices.ofPath(file),
      named: (name) => devices.named(name),
      badBlocks: () => Promise.resolve(list),
      watch: (id, changed) => devices.watch(id, changed),
      report: (id, range) => devices.report(id, range),
    },
    open: (file, request) => {
      opened.push(file);
      return native.open(file, request);
    },
  };
  return {
    opened,
    run: async (...argv) => {
      let [stdout, stderr] = ['', ''];
      // Once: it listens for signals.
      surroundings ??= nativeSurroundings();
      const made: Surroundings = {
        ...surroundings,
        driver,
        screen: {
          out: (text) => {
            stdout += text;
          },
          err: (text) => {
            stderr += text;
          },
          hasColor: false,
          canRewrite: false,
          columns: 80,
        },
      };
      return { status: await runCli(argv, made), stdout, stderr };
    },
  };
}
