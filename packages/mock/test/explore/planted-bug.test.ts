/** The engine of docs/guides/explore-your-engine.md, with its bug, with a second one, and mended. */
import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { everyCrash, type Exploration, ExplorationFailure, type MockDriver, mockDriver, replaySchedule } from '../../src/index.js';

const PATH = '/pmem/notes';
const FLAG_AT = 0;
const NOTE_AT = 4096;

/** A store of one note: its text in page 1, and in page 0 a flag that says that it is there. */
class Notes {
  constructor(
    readonly file: PmemFile,
    readonly persists: 'note, then flag' | 'flag alone' | 'both at once',
  ) {}

  save(text: string): void {
    const note = new Uint8Array(64);
    new TextEncoder().encodeInto(text, note);
    this.file.write(note, NOTE_AT);
    if (this.persists === 'note, then flag') this.file.persist(NOTE_AT, note.length);
    this.file.write(Uint8Array.of(1), FLAG_AT);
    if (this.persists === 'both at once') this.file.persist();
    else this.file.persist(FLAG_AT, 1);
  }

  load(): string | undefined {
    const flag = new Uint8Array(1);
    this.file.read(flag, FLAG_AT);
    if (flag[0] === 0) return undefined;
    const note = new Uint8Array(64);
    this.file.read(note, NOTE_AT);
    return new TextDecoder().decode(note).replaceAll('\0', '');
  }
}

interface State {
  readonly driver: MockDriver;
  readonly notes: Notes;
  saved: boolean;
}

const TEXT = 'buy milk, bread, and a roll of tape';

function exploration(persists: Notes['persists']): Exploration<State> {
  return {
    prep: async (seed) => {
      const driver = mockDriver({ seed });
      driver.writeFile(PATH, new Uint8Array(8192));
      const file = await PmemFile.open(PATH, { driver });
      return { driver, notes: new Notes(file, persists), saved: false };
    },
    body: (state) => {
      state.notes.save(TEXT);
      state.saved = true;
    },
    check: async ({ driver, saved }) => {
      const file = await PmemFile.open(PATH, { driver });
      const text = new Notes(file, persists).load();
      if (saved) assert.equal(text, TEXT);
      else assert.ok(text === undefined || text === TEXT, `the note reads '${text ?? ''}'`);
      await file.close();
    },
  };
}

async function failureOf(persists: Notes['persists']): Promise<ExplorationFailure> {
  const failure: unknown = await everyCrash(exploration(persists)).catch((error: unknown) => error);
  if (!(failure instanceof ExplorationFailure)) assert.fail('it was not found');
  return failure;
}

describe('a planted bug', () => {
  it('a missing persist is found, and shrunk to one crash', async () => {
    const failure = await failureOf('flag alone');
    expect(failure.schedule).toEqual({ seed: 1, events: [{ at: 4, operation: 'end', effect: 'crash', rest: 'lose' }] });
    expect(failure.message).toContain(
      `replay: await replaySchedule(exploration, '{"seed":1,"events":[{"at":4,"operation":"end","effect":"crash","rest":"lose"}]}')`,
    );
  });

  it('two lines that one persist makes durable are found in the wrong order: the flag without a word of the note', async () => {
    const failure = await failureOf('both at once');
    expect(failure.schedule.events).toEqual([
      { at: 3, operation: 'persist', effect: 'crash', rest: 'lose', answers: { 0: 1 } },
    ]);
    expect(failure.message).toMatch(/at 3, persist of '\/pmem\/notes' \[0, 8192\): power fails, what was not persisted is lost, except: the line at device byte \d+ \('\/pmem\/notes'\) survives/);
  });

  it('the schedule fails again, by object or JSON, and passes once the bug is mended', async () => {
    const { schedule } = await failureOf('flag alone');
    await expect(replaySchedule(exploration('flag alone'), schedule)).rejects.toThrow(assert.AssertionError);
    await expect(replaySchedule(exploration('flag alone'), JSON.stringify(schedule))).rejects.toThrow(assert.AssertionError);
    const mended = { ...schedule, events: schedule.events.map((event) => ({ ...event, at: event.at + 1 })) };
    await replaySchedule(exploration('note, then flag'), mended);
    await expect(replaySchedule(exploration('note, then flag'), schedule)).rejects.toThrow(
      'the schedule does not fit the body: at 4 there is persist, not end',
    );
  });

  it('the mended engine runs clean, and everything there is was tried', async () => {
    const report = await everyCrash(exploration('note, then flag'));
    expect(report).toEqual({ seed: 1, operations: 4, states: 38, byKind: { none: 1, crash: 37 }, complete: true });
  });
});
