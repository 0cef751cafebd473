import { describe, expect, it } from 'vitest';
import { mergedRecording, parseRecording, recordingDifferences, serializeRecording, type MachineCheckRecording } from '../src/machine-check/recording.js';

const subject = { kernel: '6.12', kernelVersion: 'Linux', filesystem: 'ext4', device: 'clearable' } as const;
const recording = (cases: Record<string, Record<string, string>>): MachineCheckRecording => ({
  format: 1, subject, cases: Object.entries(cases).map(([name, observed]) => ({ name, observed })),
});

describe('a machine-check recording', () => {
  it('comes back from its file', () => {
    const one = recording({ load: { outcome: 'ok' } });
    expect(parseRecording(serializeRecording(one))).toEqual(one);
    expect(() => parseRecording('{"format": 2}')).toThrow('format 2');
  });

  it('differs by what was seen, by what was not looked at, and by cases that are new', () => {
    const committed = recording({ load: { outcome: 'ok', list: 'none' }, store: { outcome: 'ok' } });
    expect(recordingDifferences(committed, recording({ load: { outcome: 'ok', list: 'none' } }))).toEqual([]);
    expect(recordingDifferences(committed, recording({ load: { outcome: 'lost', after: 'ok' }, view: {} }))).toEqual([
      'load, outcome: lost, committed: ok',
      'load, list: not looked at, committed: none',
      'load, after: ok, committed: not looked at',
      'view: not in the committed recording',
    ]);
  });

  it('takes in cases that were recorded by themselves, and keeps the others', () => {
    const before = recording({ load: { outcome: 'ok' }, store: { outcome: 'ok' } });
    const merged = mergedRecording(before, recording({ load: { outcome: 'lost' }, view: { outcome: 'ok' } }));
    expect(merged).toEqual(recording({ load: { outcome: 'lost' }, store: { outcome: 'ok' }, view: { outcome: 'ok' } }));
  });
});
