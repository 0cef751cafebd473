/**
 * The suite by which a driver proves itself: the same tests for the mock, for the native driver, and for the native
 * driver on real persistent memory.
 *
 * ```ts
 * import { describe, it } from 'vitest';
 * import { driverContract } from '@safe-pmem/core/contract';
 * driverContract({ describe, it, name: 'mine', supports, machine: () => myMachine() });
 * ```
 */
import { checkAnnouncements } from './announcements.js';
import { checkJournal, checkMark } from './journal.js';
import { checkLoadsAndStores } from './loads-and-stores.js';
import { checkLimits } from './limits.js';
import { checkViewsAndBatches } from './views-and-batches.js';
import type { Check, ContractOptions } from './machine.js';
import { checkOpening } from './opening.js';
import { checkPmemFile } from './pmem-file.js';
import { checkPoison } from './poison.js';
import { checkShortAccesses } from './short-accesses.js';
import { checkSystemCalls } from './system-calls.js';

export type { ContractMachine, ContractOptions, DriverSupport } from './machine.js';

/** Registers the whole contract with the test framework. */
export function driverContract(options: ContractOptions): void {
  const { describe, it, name, supports } = options;
  const check: Check = (title, body) => {
    it(title, async () => {
      const machine = await options.machine();
      try {
        await body(machine, supports);
      } finally {
        await machine.dispose();
      }
    });
  };
  describe(`driver contract: ${name}`, () => {
    describe('opening', () => { checkOpening(check); });
    describe('loads and stores', () => { checkLoadsAndStores(check); });
    describe('views and batches', () => { checkViewsAndBatches(check, supports); });
    describe('system calls', () => { checkSystemCalls(check, supports); });
    describe('journal file', () => { checkJournal(check); });
    describe('mark of the file', () => { checkMark(check); });
    describe('announcements', () => { checkAnnouncements(check, supports); });
    describe('poison', () => { checkPoison(check, supports); });
    describe('limits', () => { checkLimits(check, supports); });
    describe('PmemFile on it', () => { checkPmemFile(check, supports); });
    describe('short accesses of PmemFile', () => { checkShortAccesses(check, supports); });
  });
}
