/** Something this machine lacks; `remedy` is what to type. */
export class SetupError extends Error {
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'SetupError';
    this.remedy = remedy;
  }
}
