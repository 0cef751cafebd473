/** A seccomp filter that answers one system call with an errno, for a program and what it starts. */
import { spawnSync } from 'node:child_process';

/** Numbers of the calls on x64 and arm64. */
const CALLS = { statx: [332, 291], fallocate: [285, 47] } as const;

const SANDBOX = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def step(code, true, false, value): return struct.pack('HBBI', code, true, false, value)
filter = step(0x20, 0, 0, 0) + step(0x15, 0, 1, int(sys.argv[1]))
filter += step(0x06, 0, 0, 0x50000 | int(sys.argv[2])) + step(0x06, 0, 0, 0x7fff0000)
held = ctypes.create_string_buffer(filter, len(filter))
class Program(ctypes.Structure): _fields_ = [('length', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
program = Program(4, ctypes.cast(held, ctypes.c_void_p).value)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()
os.execvp(sys.argv[3], sys.argv[3:])
`;

/** Runs a module of JavaScript with `args` where `call` fails with `errno`; returns what it has printed. */
export function runRefused(call: keyof typeof CALLS, errno: number, program: string, args: readonly string[]) {
  const number = CALLS[call][process.arch === 'arm64' ? 1 : 0];
  const node = [process.execPath, '--input-type=module', '-e', program, ...args];
  // What else is in the environment could make a program say something of its own.
  const env = { PATH: process.env.PATH };
  const options = { cwd: import.meta.dirname, encoding: 'utf8' as const, env };
  return spawnSync('python3', ['-c', SANDBOX, String(number), String(errno), ...node], options);
}
