/** Refuses what cannot be a place or an option of a database before a file is touched. */
import path from 'node:path';

interface CheckedOptions {
  readonly driver?: unknown;
  readonly mirrorLocation?: unknown;
  readonly mirror?: unknown;
  readonly attachMirror?: unknown;
  readonly autoRepair?: unknown;
}

/**
 * Throws TypeError. A prefix that ends with a slash would give files that begin with a dot, which copying by a pattern
 * such as `*` leaves behind.
 */
export function checkPlace(name: string, place: unknown): asserts place is string {
  if (typeof place !== 'string' || place === '') {
    throw new TypeError(`${name} must be a non-empty string, got ${shown(place)}`);
  }
  if (!place.endsWith('/') && !place.endsWith(path.sep)) return;
  throw new TypeError(`${name} begins the names of the files: it must not end with a slash, got '${place}'`);
}

/** Throws TypeError for what the files and the store would not refuse by themselves. */
export function checkOptions(options: CheckedOptions | undefined): void {
  const driver = options?.driver;
  if (options === undefined || typeof driver !== 'object' || driver === null) {
    throw new TypeError('options.driver must be a driver, such as nativeDriver() or mockDriver()');
  }
  if (options.mirrorLocation !== undefined) checkPlace('options.mirrorLocation', options.mirrorLocation);
  for (const name of ['mirror', 'attachMirror', 'autoRepair'] as const) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'boolean') {
      throw new TypeError(`options.${name} must be a boolean, got ${shown(value)}`);
    }
  }
}

function shown(value: unknown): string {
  return value === undefined ? 'undefined' : JSON.stringify(value);
}
