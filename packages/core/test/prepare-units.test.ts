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

it('lets units of which nothing is left share one content, but for a shorter one at the end of the file', async () => {
  const units = [0, 2, 3, 4].map((page) => ({ offset: page * PAGE, length: PAGE }));
  const plans = units.map((data, i) => ({ unit: data, data: i === 3 ? { ...data, length: 100 } : data }));
  const file = scriptedFile({ read: (_, position) => ({ position, signalCode: 4, granuleLog2: 12 }) });
  const filled = await prepareUnits(file, new Hazards(), plans, [], { rebuild: undefined, fill: 9 });
  expect(new Set(filled.map(({ content }) => content)).size).toBe(2);
  for (const { data, content } of filled) expect(content).toEqual(new Uint8Array(data.length).fill(9));
});

it('keeps what a unit still holds, and puts zeros where it is a hole, whatever the unit before it held', async () => {
  const hazards = new Hazards();
  const units = [0, 1].map((page) => ({ offset: page * PAGE, length: PAGE }));
  const lost = units.map(({ offset }) => ({ offset, length: 100 }));
  hazards.addTombstones(lost);
  const file = scriptedFile({
    // The second is a hole on a full filesystem.
    read: (target, position) => (position < PAGE ? void target.fill(7) : { position, signalCode: 2, granuleLog2: 12 }),
    probe: () => ({ ...healthyProbe, hole: true, freeBytes: 0 }),
  });
  const plans = units.map((data) => ({ unit: data, data }));
  const works = await prepareUnits(file, hazards, plans, [], { rebuild: undefined, fill: 9 });
  expect(works.map((work) => work.lost)).toEqual(lost.map((range) => [range]));
  expect(works.map(({ content }) => [content[99], content[100], content[PAGE - 1]])).toEqual([[9, 7, 7], [9, 0, 0]]);
});
