// What the cases share.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { plantLosses } from '../actors/plant-losses.mjs';
import { PAGE } from '../actors/content.mjs';

export { assert, PAGE };

/** A file of `pages` pages of `byte`, of which some are lost. */
export async function makeFile(place, name, { pages = 16, byte = 1, lost = [] } = {}) {
  const file = path.join(place.folder, name);
  if (lost.length > 0) await plantLosses(file, Buffer.alloc(pages * PAGE, byte), lost);
  else writeFileSync(file, Buffer.alloc(pages * PAGE, byte));
  return file;
}

export function page(number, length = PAGE) {
  return { offset: number * PAGE, length };
}

/** The call has to fail, with this code. */
export function assertCode({ value, error }, code) {
  assert.equal(
    error?.code,
    code,
    error === undefined ? `it returned ${JSON.stringify(value)}` : `${error.code}: ${error.message}`,
  );
}

/** An actor with the file open. */
export async function opener(startActor, name, file, options = {}) {
  const actor = startActor(name);
  await actor.ask('open', file, options);
  return actor;
}

/** The four ways to make bytes durable. Each is called with a range and, if it stores as well, with `byte`. */
export const PERSISTS = ['persist', 'persistAsync', 'persistRanges', 'writeAndPersist'];
export function persistBy(actor, way, { offset, length }, byte) {
  return actor.call(way, offset, length, ...(way === 'writeAndPersist' ? [byte] : []));
}

/** Begins a repair that waits for `supply`; resolves when it waits, with the promise of its end. */
export async function repairing(actor, range) {
  let end;
  await new Promise((resolve, reject) => {
    actor.onEvent = (event) => {
      if (event === 'rebuilding') resolve();
    };
    end = actor.call('repair', range, 'later');
    end.then(({ error }) => {
      if (error !== undefined) reject(new Error(`${error.code} ${error.message}`));
    });
  });
  return { end };
}

/** What a process that opens the file now reads there: a byte, or an error's code. */
export async function readAnew(startActor, file, range, options = {}) {
  startActor.reader ??= startActor('reader');
  const { reader } = startActor;
  const opened = await reader.call('open', file, options);
  if (opened.error !== undefined) return opened.error.code;
  const { value, error } = await reader.call('read', range.offset, range.length);
  await reader.call('close');
  return error === undefined ? value : error.code;
}

/** A program of programs/ has to print this. Its first argument is an empty folder. */
export function program(name, expected, ...args) {
  return async ({ place }) => {
    const { folder } = await place('tmpfs');
    const file = path.join(import.meta.dirname, 'programs', name);
    const { stdout, stderr, signal } = spawnSync(process.execPath, [file, folder, ...args], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(stdout.trim(), expected, `${signal ?? ''} ${stderr}`);
  };
}
