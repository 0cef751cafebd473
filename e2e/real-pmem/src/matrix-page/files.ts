/** The folders of the recordings, and of the pages that are made of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseRecording, type MachineCheckRecording } from '../machine-check/recording.js';
import { parseTrace, type Trace } from '../scenarios/trace.js';

export function pageFile(tree: string): string {
  return path.join(tree, 'docs', 'reference', 'kernel-matrix.md');
}

export function memoryErrorsFile(tree: string): string {
  return path.join(tree, 'docs', 'reference', 'memory-errors.md');
}

export function readRecordings(tree: string): MachineCheckRecording[] {
  const folder = path.join(tree, 'e2e', 'real-pmem', 'machine-checks');
  // Git keeps no empty directory.
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => parseRecording(readFileSync(path.join(folder, name), 'utf8')));
}

export function readTraces(tree: string): Trace[] {
  const folder = path.join(tree, 'packages', 'mock', 'traces');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.map((name) => parseTrace(readFileSync(path.join(folder, name), 'utf8')));
}
