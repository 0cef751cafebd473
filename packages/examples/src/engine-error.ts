/** Shared by the errors of all engines: a stable code, the file, and the address of the page that says what to do. */

/** One heading a code. */
const REFERENCE = 'https://github.com/safe-pmem/safe-pmem/blob/main/docs/reference/errors.md';

/** Returns the address of the heading that explains `code`. */
export function helpFor(code: string): string {
  return `${REFERENCE}#${code.toLowerCase()}`;
}

/** An error that an engine reports about itself. Media errors keep their own class, MediaError. */
export abstract class EngineError<Code extends string, Path extends string | undefined = string> extends Error {
  readonly code: Code;
  /** The file concerned. */
  readonly path: Path;
  /** Address of the page that says what the files look like now, and what to do. Node prints it with the error. */
  readonly help: string;

  /** @param message what was found and, in a few words, what to do; the path is added */
  constructor(code: Code, path: Path, message: string, cause?: unknown) {
    super(path === undefined ? message : `${message}: '${path}'`, cause === undefined ? {} : { cause });
    this.name = new.target.name;
    this.code = code;
    this.path = path;
    this.help = helpFor(code);
  }
}
