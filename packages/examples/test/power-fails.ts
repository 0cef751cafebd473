import { crashAt, type MockDriver, SimulatedCrash } from '@safe-pmem/mock';

/** Lets power fail at the `at`-th operation of `action`. False if that ended before. */
export async function powerFails(driver: MockDriver, at: number, action: () => unknown): Promise<boolean> {
  const stop = driver.observe(crashAt(driver.operations + at));
  try {
    await action();
    return false;
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
    return true;
  } finally {
    stop();
  }
}
