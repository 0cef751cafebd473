/** The output of a command: lines for people, or one JSON value a line for machines. */
import { printable } from '@safe-pmem/core/tools';
import type { Screen } from '../surroundings.js';

/** Raised with every change that a reader of the JSON would notice. */
export const JSON_VERSION = 1;

const COLORS = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;
export type Color = keyof typeof COLORS;

/**
 * Characters that JSON.stringify() does not escape and a terminal acts on: DEL, C1, and the marks that reverse the
 * direction of text.
 */
const TERMINAL_CHARACTERS = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export class Output {
  readonly #screen: Screen;
  readonly isJson: boolean;

  constructor(screen: Screen, isJson: boolean) {
    this.#screen = screen;
    this.isJson = isJson;
  }

  /** A line for people. */
  line(text = ''): void {
    if (!this.isJson) this.#screen.out(`${text}\n`);
  }

  /** A line for machines. `type` tells records apart. */
  record(type: string, value: object): void {
    if (!this.isJson) return;
    const text = JSON.stringify({ version: JSON_VERSION, type, ...value });
    this.#screen.out(`${withoutControls(text)}\n`);
  }

  /** Writes a remark that is no result, to standard error. */
  note(text: string): void {
    this.#screen.err(`${text}\n`);
  }

  paint(color: Color, text: string): string {
    return this.#screen.hasColor && !this.isJson ? `\u001b[${COLORS[color]}m${text}\u001b[0m` : text;
  }

  get columns(): number {
    return this.#screen.columns;
  }
}

/** A name in one line that steers no terminal, whatever characters are in it. */
export function nameText(name: string): string {
  return withoutControls(printable(name));
}

/** `\uXXXX` means the same in JSON, and is readable elsewhere. */
function withoutControls(text: string): string {
  return text.replace(TERMINAL_CHARACTERS, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
