declare module 'level-ttl' {
  interface TtlOptions {
    readonly defaultTTL?: number;
    readonly checkFrequency?: number;
  }
  /** Replaces put(), del(), batch() and close() of the database. */
  export default function ttl<Database>(db: Database, options?: TtlOptions): Database;
}

declare module 'level-live' {
  import { Readable } from 'node:stream';
  interface LiveRange {
    readonly gte?: string;
    readonly lt?: string;
  }
  /** What there is, then each change. */
  export default class Live extends Readable {
    constructor(db: object, range?: LiveRange);
  }
}
