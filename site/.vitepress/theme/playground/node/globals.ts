/** What core and the mock expect of Node's global scope. Imported first. */
import { Buffer } from 'buffer';

const scope = globalThis as { Buffer?: unknown; setImmediate?: unknown };
scope.Buffer ??= Buffer;
scope.setImmediate ??= (run: (...given: unknown[]) => void, ...given: unknown[]): void => {
  setTimeout(run, 0, ...given);
};
