/** Actions of openers and of the test in the situations with neighbours, in short pieces. */
import { type CompleteFile, PmemError } from '@safe-pmem/core';
import type { MockDriver } from '../src/index.js';
import { PAGE } from './scene.js';
import { type Opener, SHARED, type SharedScene } from './shared-file.js';

export const JOURNAL = `${SHARED}.repair`;

/** Repairs page 2 without a rebuild, so that it is lost. */
export async function loseTwo(scene: SharedScene, opener: Opener): Promise<void> {
  scene.poison(2);
  await opener.repair(2, 'lose');
}

/** Stores and persists 16 bytes at 8, and closes. */
export async function commitAndClose(opener: Opener): Promise<void> {
  await opener.commit(8, 16);
  await opener.close();
}

/** Opens the file, reads all of it, and closes it. */
export async function openReadAndClose(opener: Opener): Promise<void> {
  await opener.open();
  await opener.read();
  await opener.close();
}

/** The bytes of the journal before it was spoiled. */
const journals = new WeakMap<SharedScene, Uint8Array>();

/** Overwrites a part of the journal, so that it cannot be read. */
export function spoilJournal(scene: SharedScene): void {
  journals.set(scene, scene.driver.readFile(JOURNAL));
  scene.driver.overwrite(JOURNAL, new Uint8Array(16).fill(0xff), 16);
}

/** Puts back what spoilJournal() has overwritten. */
export function mendJournal(scene: SharedScene): void {
  const bytes = journals.get(scene);
  journals.delete(scene);
  if (bytes !== undefined && scene.driver.listFiles().includes(JOURNAL)) scene.driver.overwrite(JOURNAL, bytes, 0);
}

/** Repairs page 1 without a rebuild, which must be refused: without marks nothing would find the journal. */
export async function loseUnlessRefused(opener: Opener): Promise<void> {
  try {
    const isDone = await opener.repair(1, 'lose');
    if (isDone && !opener.scene.disturbed) throw new Error('a loss was left where nothing finds its journal');
  } catch (error) {
    if (!(error instanceof PmemError && error.code === 'ERR_PMEM_REPAIR_FAILED')) throw error;
  }
  await commitAndClose(opener);
}

/** Opens the file exclusively, and checks that no other opener has it so. */
export async function aloneOrRefused(opener: Opener, scene: SharedScene): Promise<void> {
  const { wanting, having } = scene;
  const wasWanted = wanting.size > 0;
  wanting.add(opener);
  const asked = ++scene.asked;
  try {
    await opener.open({ exclusive: true });
    having.add(opener);
    const living = [...having].filter((one) => one.process.alive);
    if (living.length > 1) throw new Error('two have the file for themselves');
    await opener.commit(8, 16);
    having.delete(opener);
    await opener.close();
  } catch (error) {
    if (!(error instanceof PmemError && error.code === 'ERR_PMEM_LOCKED')) throw error;
    // The opener that has kept it out may be gone by now.
    if (!wasWanted && scene.asked === asked) throw error;
  }
  wanting.delete(opener);
}

/**
 * Checks that `action` fails with `code`. With a `scene` only if nothing was made to fail: a lock that fails otherwise
 * than by EAGAIN keeps no opener out.
 */
export async function refused(action: Promise<unknown>, code = 'ERR_PMEM_JOURNAL', scene?: SharedScene): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (error instanceof PmemError && error.code === code) return;
    throw error;
  }
  if (scene?.disturbed !== true) throw new Error(`was not refused with ${code}`);
}

/** Copies the file and its journal to `to` as cp -a does. */
export async function copyAll(scene: SharedScene, to: string): Promise<void> {
  const { driver, ledger } = scene;
  const copy = scene.other(to);
  for (const ending of ['', '.repair']) {
    driver.writeFile(to + ending, driver.readFile(SHARED + ending));
    await setMark(driver, to + ending, await markOf(driver, SHARED + ending));
  }
  copy.ledger.mayReport([{ offset: 2 * PAGE, length: Math.min(PAGE, ledger.sizeBytes - 2 * PAGE) }]);
}

async function markOf(driver: MockDriver, path: string): Promise<Uint8Array> {
  const file = await bare(driver, path);
  const mark = file.readMark();
  await file.close();
  return mark.status === 'present' ? mark.bytes : new Uint8Array(0);
}

/** Replaces the mark of the file at `path`. */
export async function setMark(driver: MockDriver, path: string, mark: Uint8Array): Promise<void> {
  const file = await bare(driver, path);
  await file.writeMark(mark);
  await file.close();
}

/** Opens the file by the driver alone. */
async function bare(driver: MockDriver, path: string): Promise<CompleteFile> {
  const outcome = await driver.open(path, { create: false, readOnly: false, preallocate: false, sizeBytes: undefined });
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  return outcome.file;
}
