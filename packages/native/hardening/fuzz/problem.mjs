/** Something that must not be, found while the process is still alive. */
export class Problem extends Error {}
