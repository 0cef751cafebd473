/** What an iterator rejects with whose signal was aborted, as abstract-level prescribes it. */
export class AbortError extends Error {
  readonly code = 'LEVEL_ABORTED';

  constructor(cause: unknown) {
    super('Operation has been aborted', { cause });
    this.name = 'AbortError';
  }
}
