import { describe, expect, it } from 'vitest';
import { MachineCheckInjector, type Stub } from '../src/host/error-injector.js';
import { parseInstructions, parseRegisters, touchesByte } from '../src/host/instruction.js';
import type { InjectionRequest } from '../src/machine-check/questions.js';

const registers = (of: Record<string, string>, level: number): string =>
  `${Object.entries(of).map(([name, value]) => `${name.padEnd(3)}=${value.padStart(16, '0')}`).join(' ')} RFL=00000246 CPL=${level}`;

/** At 0x100 a jump, at 0x102 the load, of four bytes, at 0x106 what follows it. */
const program: Readonly<Record<number, string>> = { 0x100: 'jmp 0x200', 0x102: 'movl (%rbx, %rcx), %eax', 0x104: 'addb %al, (%rax)', 0x106: 'retq' };

function disassembly(from: number): string {
  const starts = Object.keys(program).map(Number).filter((at) => at === from || at >= 0x106).filter((at) => at >= from);
  return starts.slice(0, 2).map((at) => `0x${at.toString(16).padStart(8, '0')}:  8b 04 0b                 ${program[at] ?? ''}`).join('\n');
}

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
    stopAt: (address) => noted(`stop at ${address.toString(16)}`)(),
    doNotStopAt: noted('no stop'),
    step: noted('step'),
    jump: (address) => noted(`jump ${address.toString(16)}`)(),
    resume: () => { log.push('resume'); },
    stopped: noted('stopped'),
    stop: noted('stop'),
  };
  const run = (command: string): Promise<string> => {
    if (command === 'info registers') return Promise.resolve(left.shift() ?? registers({}, 0));
    if (command.startsWith('x /')) return Promise.resolve(disassembly(Number(command.split(' ')[2])));
    log.push(command);
    return Promise.resolve(command.startsWith('mce') ? refusal : '');
  };
  return { log, subject: new MachineCheckInjector({ run }, stub) };
}

const consumed: InjectionRequest = {
  kind: 'action-required', physicalAddress: 0x80005000, trigger: { access: 'load', page: '7f0000005000', address: '7f0000005080' },
};
const mce = 'mce 0 9 0xBD80000000000134 7 0x80005000 0x86';
const afterLoad = { RIP: '106', RBX: '7f0000005000', RCX: '80' };

describe('a memory error', () => {
  it('hits the very load of a program, never that of the kernel', async () => {
    const { log, subject } = injector([registers(afterLoad, 0), registers(afterLoad, 3)]);
    await subject.inject(consumed);
    const again = ['resume', 'stopped'];
    expect(log).toEqual(['gdbserver chardev:debugger', 'watch load 7f0000005080', ...again, ...again, 'jump 102', 'unwatch', mce, 'resume']);
  });

  it('hits a load that overwrites its own register when it comes by again, with the registers that name the byte', async () => {
    const before = { RIP: '102', RBX: '7f0000005000' };
    const { log, subject } = injector([registers({ ...afterLoad, RBX: '0' }, 3), registers({ ...before, RCX: '0' }, 3), registers({ ...before, RCX: '80' }, 3)]);
    await subject.inject(consumed);
    expect(log.filter((line) => !/resume|stopped|gdbserver|watch/.test(line))).toEqual(['stop at 104', 'stop at 102', 'step', 'no stop', 'no stop', mce]);
    expect(log.filter((line) => line === 'stopped')).toHaveLength(3);
  });

  it('hits a flush between the first byte of its page and the last', async () => {
    const at = (RSI: string, level: number): string => registers({ RSI }, level);
    const { log, subject } = injector([at('7f0000005000', 3), at('7f0000005040', 0), at('7f0000006000', 3), at('7f0000005040', 3)]);
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
    const { log, subject } = injector([registers(afterLoad, 3)], 'Invalid CPU index');
    await expect(subject.inject(consumed)).rejects.toThrow('Invalid CPU index');
    expect(log.at(-1)).toBe('resume');
  });
});

describe('the instruction that touches a byte', () => {
  const of = parseRegisters('RAX=0000000000000010 RSI=00007f0000005081 RDI=0000000000001000 R8 =00007f0000004fc0 RFL=00000246');

  it.each([
    ['vmovdqu (%rsi), %ymm0', false],
    ['vmovdqu -0x20(%rsi), %ymm0', true],
    ['movb 0xc0(%r8), %al', true],
    ['movb -0x10(%r8, %rax), %al', false],
    ['movq 0x60(%r8, %rax, 4), %rax', true],
    ['rep movsb (%rsi), %es:(%rdi)', true],
    ['movq %rsi, %rax', false],
    ['leaq (%rdi), %rax', false],
  ])('%s: %s', (text, expected) => {
    expect(touchesByte({ address: 0n, text }, of, 0x7f0000005080n)).toBe(expected);
  });

  it('is read from what the monitor prints', () => {
    const printed = '0x7ff813abd4c7:  c5 fe 6f 06              vmovdqu  (%rsi), %ymm0\r\n0x7ff813abd4cb:  c3                       retq     \r\n';
    expect(parseInstructions(printed)).toEqual([
      { address: 0x7ff813abd4c7n, text: 'vmovdqu  (%rsi), %ymm0' }, { address: 0x7ff813abd4cbn, text: 'retq' },
    ]);
  });
});
