/** Which instruction touched a byte: QEMU's watchpoints stop after it, a machine check stops before it. */

/** General registers by their names in lower case: `rax`, `r8`, `rip`. */
export type Registers = ReadonlyMap<string, bigint>;

/** Of what `info registers` prints. */
export function parseRegisters(text: string): Registers {
  const found = [...text.matchAll(/\b(R[A-Z0-9]{1,2}) *=([0-9a-f]{16})/g)];
  return new Map(found.map(([, name = '', value = '0']) => [name.toLowerCase(), BigInt(`0x${value}`)]));
}

export interface Instruction {
  readonly address: bigint;
  /** In AT&T's syntax. */
  readonly text: string;
}

/** Of what `x /Ni` prints. */
export function parseInstructions(text: string): Instruction[] {
  return [...text.matchAll(/^0x([0-9a-f]+): +(?:[0-9a-f]{2} )+ *(.+?)\s*$/gm)].map(([, address = '0', words = '']) => ({ address: BigInt(`0x${address}`), text: words }));
}

/** The widest load or store of a processor that the emulator knows. */
const accessBytesMax = 64n;

/** Whether a memory operand of the instruction reaches the byte, by what the registers hold. */
export function touchesByte({ text }: Instruction, registers: Registers, byte: bigint): boolean {
  const operands = text.matchAll(/(-?(?:0x[0-9a-f]+|\d+))?\((%\w+)?(?:, *(%\w+)(?:, *(\d))?)?\)/g);
  for (const [, displacement = '0', base, index, scale = '1'] of operands) {
    const valueOf = (name: string | undefined): bigint => (name === undefined ? 0n : (registers.get(name.slice(1)) ?? 0n));
    const offset = displacement.startsWith('-') ? -BigInt(displacement.slice(1)) : BigInt(displacement);
    const first = BigInt.asUintN(64, valueOf(base) + valueOf(index) * BigInt(scale) + offset);
    // A string instruction that is under way has moved on by an element.
    const from = /^rep\b/.test(text) ? first - 8n : first;
    if (from <= byte && byte < first + accessBytesMax) return true;
  }
  return false;
}
