/** Writes to the terminal: headings, wrapped text, progress, and colours if they are wanted. */

const COLUMNS = 88;
const INDENT = '  ';

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Colour = keyof typeof codes;

/** The stream that a screen writes to, such as process.stdout. */
export interface Output {
  readonly isTTY: boolean;
  write(text: string): unknown;
}

export class Screen {
  readonly #output: Output;
  readonly #colours: boolean;
  #lastPercent = -1;

  /** Colours on a terminal or with FORCE_COLOR, and never with NO_COLOR. */
  constructor(output: Output, environment: NodeJS.ProcessEnv) {
    this.#output = output;
    const forced = environment.FORCE_COLOR;
    const forbidden = environment.NO_COLOR !== undefined && environment.NO_COLOR !== '';
    this.#colours = !forbidden && (forced === undefined ? output.isTTY : forced !== '0');
  }

  paint(colour: Colour, text: string): string {
    return this.#colours ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
  }

  heading(text: string): void {
    this.raw();
    this.raw(this.paint('bold', `${text} ${'─'.repeat(Math.max(0, COLUMNS - text.length - 1))}`));
  }

  /** A paragraph, wrapped. */
  say(text: string, colour?: Colour): void {
    let line = '';
    for (const word of `${text} `.split(/\s+/)) {
      if (word === '' || line.length + word.length + 1 > COLUMNS - INDENT.length) {
        if (line !== '') this.line(line, colour);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
  }

  /** One line as it is. */
  line(text: string, colour?: Colour): void {
    this.raw(INDENT + (colour === undefined ? text : this.paint(colour, text)));
  }

  raw(text = ''): void {
    this.#output.write(`${text}\n`);
  }

  /** Shows a bar that redraws itself on a terminal; without a terminal, one line at the end. */
  progress(label: string, done: number, total: number): void {
    const percent = Math.floor((100 * done) / total);
    if (percent === this.#lastPercent) return;
    this.#lastPercent = done === total ? -1 : percent;
    if (this.#output.isTTY) {
      const bar = '█'.repeat(Math.floor(percent / 4)).padEnd(25, '░');
      this.#output.write(`\r${INDENT}${label} ${bar} ${String(percent).padStart(3)} %${done === total ? '\n' : ''}`);
    } else if (done === total) {
      this.line(`${label}: done`);
    }
  }
}
