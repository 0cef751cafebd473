/**
 * Two names that the public declarations use and that not every program has: `Symbol.asyncDispose` is in no library before
 * TypeScript 5.2, and without the types of Node or the DOM there is no AbortSignal. These merge with the real ones.
 */
declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
  interface AbortSignal {
    readonly aborted: boolean;
  }
}

export {};
