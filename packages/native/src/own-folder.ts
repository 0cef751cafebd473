/** Finds the folder in which this package is installed. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * This file. The CommonJS build has `__filename`, and so has all that `node -e` imports, where it is no path;
 * import.meta.url is a URL, in which '#', '?' and '%' of an installation's path are escaped.
 */
export const self =
  typeof __filename === 'string' && path.isAbsolute(__filename) ? __filename : fileURLToPath(import.meta.url);

/** Sources (this one among them) and built files are one level below the package. */
export const ownFolder = path.resolve(self, '..', '..');
