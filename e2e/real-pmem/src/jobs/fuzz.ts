/**
 * Runs scenarios that the host makes up, and tells what they did. Most run on the filesystem that the one before left
 * behind, bad blocks in free space and all: a new one takes longer than a scenario.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ByteRange } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { replayAmongPoison } from '../fuzz/agreement.js';
import type { FuzzAnswer, FuzzQuestion } from '../fuzz/questions.js';
import { sectorBytes } from '../scenarios/file-steps.js';
import { guestMachine } from './guest-machine.js';
import { InjectorClient } from './injector-client.js';
import { jobContext, report } from './job-io.js';
import { MappingCalls } from './mapping-calls.js';
import { XfsIo } from './xfs-io.js';

/** More bad blocks than this, and the next scenario starts on a new filesystem without any. */
const mostLeftOver = 24;

/** The kernel's list, whoever has the blocks. */
function listedPoison(): ByteRange[] {
  const lines = readFileSync('/sys/block/pmem0/badblocks', 'utf8').split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [sector = 0, count = 0] = line.split(' ').map(Number);
    return { offset: sector * sectorBytes, length: count * sectorBytes };
  });
}

const { mountPoint, injector: socket } = jobContext();
const injector = await InjectorClient.connect(socket);
const driver = nativeDriver();
const xfsIo = new XfsIo();
const mappingCalls = new MappingCalls();
/** Nothing has happened to the filesystem yet. */
let untouched = true;
let runs = 0;

async function answer({ scenario, fresh }: FuzzQuestion): Promise<FuzzAnswer> {
  if (!untouched && (fresh || listedPoison().length > mostLeftOver)) {
    await injector.freshFilesystem();
    untouched = true;
  }
  const onFresh = untouched;
  untouched = false;
  const directory = path.join(mountPoint, `run-${++runs}`);
  mkdirSync(directory);
  try {
    return { ...(await replayAmongPoison(scenario, guestMachine(driver, directory, { injector, xfsIo, mappingCalls }), listedPoison())), fresh: onFresh };
  } catch (cause) {
    const reasons: string[] = [];
    for (let error = cause; error instanceof Error; error = error.cause) reasons.push(error.message);
    return { failure: reasons.join(': '), fresh: onFresh };
  } finally {
    try {
      rmSync(directory, { recursive: true });
    } catch {
      // A filesystem that has shut itself down removes nothing.
      await injector.freshFilesystem();
      untouched = true;
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) report(await answer(JSON.parse(line) as FuzzQuestion));
xfsIo.close();
mappingCalls.close();
injector.close();
