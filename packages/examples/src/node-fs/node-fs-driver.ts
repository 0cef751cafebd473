/** A driver over node:fs, for files without a mapping: opens them. What it does with one is in node-fs-file.ts. */
import fs from 'node:fs';
import type { Driver, OpenOutcome, OpenRequest } from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import { attempt } from './errno-of.js';
import { factsOf } from './facts-of.js';
import { extend, NodeFsFile } from './node-fs-file.js';

export interface NodeFsOptions {
  /**
   * No other process opens these files. Then locks that only this process knows are enough for repair() and claim().
   * Default false: node:fs has no locks, and they throw ERR_PMEM_NOT_SUPPORTED.
   */
  readonly soleProcess?: boolean;
}

export function nodeFsDriver({ soleProcess = false }: NodeFsOptions = {}): Driver {
  return { name: 'node-fs', open: (path, request) => Promise.resolve(open(path, request, soleProcess)) };
}

function open(path: string, request: OpenRequest, soleProcess: boolean): OpenOutcome {
  const made = request.create && !request.readOnly ? attempt('open', () => openNew(path)) : undefined;
  const isNew = made !== undefined && 'value' in made;
  // Whatever kept it from being made, opening what has the name says it better.
  const opened = isNew ? made : attempt('open', () => openThere(path, request));
  if ('failure' in opened) return opened;
  const outcome = attempt('open', () => openedFile(opened.value, path, request, soleProcess));
  const result = 'value' in outcome ? outcome.value : outcome;
  if ('failure' in result) {
    fs.closeSync(opened.value);
    if (isNew) fs.unlinkSync(path);
  }
  return result;
}

/** Fails with EEXIST if there is a file already. */
function openNew(path: string): number {
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
  return fs.openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
}

/**
 * O_NONBLOCK: without it an open of a pipe would wait for a writer. With `create` a dangling link leads to a new file.
 */
function openThere(path: string, { readOnly, create }: OpenRequest): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_NONBLOCK } = fs.constants;
  return fs.openSync(path, (readOnly ? O_RDONLY : O_RDWR | (create ? O_CREAT : 0)) | O_NONBLOCK, 0o600);
}

function openedFile(fd: number, path: string, request: OpenRequest, soleProcess: boolean): OpenOutcome {
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) return { failure: { errno: stat.isDirectory() ? Errno.EISDIR : Errno.ENXIO, syscall: 'open' } };
  const { readOnly, create, sizeBytes = 0, preallocate } = request;
  const created = create && stat.size === 0;
  if (created) extend(fd, 0, sizeBytes, preallocate);
  const facts = factsOf(fd, path, readOnly, created);
  return { file: new NodeFsFile(fd, facts, created ? sizeBytes : stat.size, soleProcess) };
}
