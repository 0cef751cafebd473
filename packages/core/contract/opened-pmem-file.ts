import assert from 'node:assert/strict';
import type { CompleteFile, Driver } from '../src/index.js';
import { completeFile, PmemFile } from '../src/index.js';
import type { ContractMachine } from './machine.js';
import { pattern } from './opened-file.js';

/** A driver that hands out what it opened, so that poison can be put under an open PmemFile. */
function observed(driver: Driver): { readonly driver: Driver; readonly opened: () => CompleteFile } {
  let last: CompleteFile | undefined;
  return {
    driver: {
      name: driver.name,
      async open(path, request) {
        const outcome = await driver.open(path, request);
        if ('file' in outcome) last = completeFile(outcome.file);
        return outcome;
      },
    },
    opened: () => {
      assert.ok(last !== undefined, 'nothing was opened');
      return last;
    },
  };
}

/** A new file of `sizeBytes` that hold pattern(), persisted; closed after `body` whatever happens in it. */
export async function withPmemFile(
  machine: ContractMachine,
  sizeBytes: number,
  body: (file: PmemFile, under: CompleteFile) => void | Promise<void>,
): Promise<void> {
  const { driver, opened } = observed(machine.driver);
  const file = await PmemFile.open(machine.path('file'), { driver, create: true, size: sizeBytes });
  try {
    file.write(pattern(sizeBytes), 0);
    file.persist();
    await body(file, opened());
  } finally {
    await file.close();
  }
}
