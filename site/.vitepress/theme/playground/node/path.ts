/** Resolves `.` and `..` of an absolute path, as path.posix.resolve does. */
function resolve(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

export const posix = { resolve };
export const sep = '/';
