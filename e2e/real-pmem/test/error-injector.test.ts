import { describe, expect, it } from 'vitest';
import { MachineCheckInjector, type Stub } from '../src/host/error-injector.js';
import type { InjectionRequest } from '../src/machine-check/questions.js';

const pointer = (address: string): string => `RAX=${address.padStart(16, '0')} R8 =0000000000000000`;

/** A guest that is in one of `states` after the other, each time it is looked at. */
function injector(states: readonly string[], refusal = ''): { readonly log: string[]; readonly subject: MachineCheckInjector } {
  const log: string[] = [];
  const left = [...states];
  const noted = (what: string) => (): Promise<void> => {
    log.push(what);
    return Promise.resolve();
  };
  const stub: Stub = {
    watch: (access, address) => noted(`watch ${access} ${address}`)(),
    unwatch: noted('unwatch'),
    resume: () => { log.push('resume'); },
    stopped: noted('stopped'),
    stop: noted('stop'),
  };
  const run = (command: string): Promise<string> => {
    if (command === 'info registers') return Promise.resolve(left.shift() ?? 'CPL=0');
    log.push(command);
    return Promise.resolve(command.startsWith('mce') ? refusal : '');
  };
  return { log, subject: new MachineCheckInjector({ run }, stub) };
}

const consumed: InjectionRequest = {
  kind: 'action-required', physicalAddress: 0x80005000, trigger: { access: 'load', page: '7f0000005000', address: '7f0000005080' },
};
const mce = 'mce 0 9 0xBD80000000000134 7 0x80005000 0x86';

describe('a memory error', () => {
  it('hits the load of a program, never that of the kernel', async () => {
    const { log, subject } = injector(['CPL=0', 'CPL=3']);
    await subject.inject(consumed);
    expect(log).toEqual([
      'gdbserver chardev:debugger', 'watch load 7f0000005080', 'resume', 'stopped', 'resume', 'stopped', 'unwatch', mce, 'resume',
    ]);
  });

  it('hits a flush between the first byte of its page and the last', async () => {
    const states = [`${pointer('7f0000005000')} CPL=3`, `${pointer('7f0000005040')} CPL=0`, `${pointer('7f0000006000')} CPL=3`, `${pointer('7f0000005040')} CPL=3`];
    const { log, subject } = injector(states);
    await subject.inject({ ...consumed, trigger: { access: 'registers', page: '7f0000005000', address: '7f0000005080' } });
    expect(log.filter((line) => line === 'stop')).toHaveLength(3);
    expect(log.slice(-2)).toEqual([mce, 'resume']);
  });

  it('that no program has touched needs no particular moment', async () => {
    const { log, subject } = injector([]);
    await subject.inject({ ...consumed, kind: 'action-optional', trigger: undefined });
    await subject.inject({ ...consumed, kind: 'action-optional', trigger: undefined });
    const optional = 'mce 0 9 0xBD000000000000C0 5 0x80005000 0x86';
    expect(log).toEqual(['gdbserver chardev:debugger', optional, 'resume', 'stop', optional, 'resume']);
  });

  it('that QEMU refuses is a failure, and the guest goes on', async () => {
    const { log, subject } = injector(['CPL=3'], 'Invalid CPU index');
    await expect(subject.inject(consumed)).rejects.toThrow('Invalid CPU index');
    expect(log.at(-1)).toBe('resume');
  });
});
