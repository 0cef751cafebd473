/**
 * Runs random scenarios on the guest and on the mock, one after the other, until they disagree; then looks for the
 * shortest scenario that shows it. Most run on the filesystem that the one before left behind, bad blocks in free space
 * and all: the mock is told of these, and of the places that the allocator chose.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { ByteRange } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { disagreement, type Disagreement } from '../fuzz/agreement.js';
import { findDisagreement, linesOf } from '../fuzz/find-disagreement.js';
import { mockOptionsFor } from '../mock/replay-trace.js';
import { sectorBytes } from '../scenarios/file-steps.js';
import type { Scenario } from '../scenarios/step.js';
import { guestMachine } from './guest-machine.js';
import { InjectorClient } from './injector-client.js';
import { jobContext, report } from './job-io.js';

export interface FuzzInput {
  readonly seed: number;
  readonly sequences: number;
}

export type FuzzResult =
  /** Sent now and then, and at the end. */
  | { readonly sequences: number; readonly steps: number; readonly freshFilesystems: number }
  /** The steps up to the one that differs, and that one: a line each. */
  | { readonly disagreement: readonly string[] };

/** More bad blocks than this, and the next scenario starts on a new filesystem without any. */
const mostLeftOver = 24;
const progressEvery = 100;

function send(result: FuzzResult): void {
  report(result);
}

/** The kernel's list, whoever has the blocks. */
function listedPoison(): ByteRange[] {
  const lines = readFileSync('/sys/block/pmem0/badblocks', 'utf8').split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [sector = 0, count = 0] = line.split(' ').map(Number);
    return { offset: sector * sectorBytes, length: count * sectorBytes };
  });
}

class Fuzzer {
  readonly #injector: InjectorClient;
  readonly #mountPoint: string;
  readonly #kernel: { readonly kernel: string; readonly filesystem: string; readonly device: string };
  readonly #driver = nativeDriver();
  #runs = 0;
  sequences = 0;
  steps = 0;
  freshFilesystems = 0;

  constructor(injector: InjectorClient) {
    const { mountPoint, kernelRelease, filesystem, device } = context;
    this.#injector = injector;
    this.#mountPoint = mountPoint;
    this.#kernel = { kernel: kernelRelease.split('.').slice(0, 2).join('.'), filesystem, device };
  }

  async run(scenario: Scenario, fresh: boolean): Promise<Disagreement | undefined> {
    if (fresh || listedPoison().length > mostLeftOver) await this.#freshFilesystem();
    const directory = path.join(this.#mountPoint, `run-${++this.#runs}`);
    mkdirSync(directory);
    this.sequences++;
    this.steps += scenario.steps.length;
    try {
      return await disagreement(scenario, guestMachine(this.#driver, directory, this.#injector), mockOptionsFor(this.#kernel), listedPoison());
    } finally {
      // A filesystem that has shut itself down removes nothing.
      try {
        rmSync(directory, { recursive: true });
      } catch {
        await this.#freshFilesystem();
      }
    }
  }

  async #freshFilesystem(): Promise<void> {
    this.freshFilesystems++;
    await this.#injector.freshFilesystem();
  }
}

const context = jobContext();
const { seed, sequences } = context.input as FuzzInput;
const injector = await InjectorClient.connect(context.injector);
const fuzzer = new Fuzzer(injector);
const progress = (): void => {
  send({ sequences: fuzzer.sequences, steps: fuzzer.steps, freshFilesystems: fuzzer.freshFilesystems });
};

const found = await findDisagreement({
  seed,
  sequences,
  async run(scenario, fresh) {
    const disagreement = await fuzzer.run(scenario, fresh);
    if (!fresh && fuzzer.sequences % progressEvery === 0) progress();
    return disagreement;
  },
});
if (found === undefined) progress();
else send({ disagreement: linesOf(found) });
injector.close();
