#!/usr/bin/env node
/** The command `safe-pmem`. */
import { readFileSync } from 'node:fs';
import { ExitStatus } from './exit-status.js';
import { nativeSurroundings } from './native-surroundings.js';
import { runCli } from './run.js';

// A reader that has gone away, as `head` does, is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(ExitStatus.UNKNOWN);
  });
}

const manifest = new URL('../package.json', import.meta.url);
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string };

process.exitCode = await runCli(process.argv.slice(2), nativeSurroundings(), version);
