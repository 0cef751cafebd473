/** What a repair makes of bytes that it could not load: which of them are lost. */
import { describe, expect, it } from 'vitest';
import { Hazards } from '../src/hazards.js';
import type { Probe } from '../src/index.js';
import { prepareUnits } from '../src/repair/prepare-units.js';
import { healthyProbe, scriptedFile } from './scripted-file.js';

const PAGE = 4096;
const unit = { offset: PAGE, length: PAGE };

/** Every load faults with a code that says nothing, and the file answers `probe`. */
function prepare(probe: Probe): ReturnType<typeof prepareUnits> {
  const file = scriptedFile({
    read: (_, position) => ({ position, signalCode: 2, granuleLog2: 0 }),
    probe: () => probe,
  });
  const rebuild = ({ length }: { readonly length: number }): Uint8Array => new Uint8Array(length).fill(1);
  return prepareUnits(file, new Hazards(), [{ unit, data: unit }], [], { rebuild, fill: undefined });
}

describe('a unit that cannot be loaded', () => {
  it('is lost where the medium is to blame', async () => {
    const [work] = await prepare({ ...healthyProbe, readErrno: 5 });
    expect(work).toMatchObject({ lost: [unit], rebuilt: [unit], content: new Uint8Array(PAGE).fill(1) });
  });

  it('is a hole where there is no space for it: nothing is lost, and there is nothing to repair', async () => {
    expect(await prepare({ ...healthyProbe, hole: true, freeBytes: 0 })).toEqual([]);
  });

  it('is not touched where the file ends before it', async () => {
    await expect(prepare({ ...healthyProbe, fileSizeBytes: PAGE })).rejects.toMatchObject({ code: 'ERR_PMEM_TRUNCATED', ranges: [unit] });
  });
});

it('takes a copy of what rebuild gives: the caller may use one buffer for all', async () => {
  const units = [0, 2].map((page) => ({ offset: page * PAGE, length: PAGE }));
  const file = scriptedFile({ read: (_, position) => ({ position, signalCode: 4, granuleLog2: 12 }) });
  const buffer = new Uint8Array(PAGE);
  const rebuild = ({ offset }: { readonly offset: number }): Uint8Array => buffer.fill(1 + offset / PAGE);
  const plans = units.map((data) => ({ unit: data, data }));
  const works = await prepareUnits(file, new Hazards(), plans, [], { rebuild, fill: undefined });
  expect(works.map(({ content }) => [content[0], content.at(-1)])).toEqual([[1, 1], [3, 3]]);
});
