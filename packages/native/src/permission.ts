/** Asks `node --permission` what it allows: node guards its own calls, and does not see those of the addon. */
import path from 'node:path';
import { PmemError } from '@safe-pmem/core';

interface Permissions {
  has(scope: string, reference: string): boolean;
}

/**
 * Throws PmemError ERR_PMEM_ACCESS if the flags of the process forbid reading `file`, or writing to it unless
 * `readOnly`. Like node's own check it goes by the name: a symbolic link inside an allowed folder may lead out of it.
 */
export function requirePermission(file: string, readOnly: boolean): void {
  const { permission } = process as { readonly permission?: Permissions };
  if (permission === undefined) return;
  const absolute = path.resolve(file);
  for (const scope of readOnly ? ['fs.read'] : ['fs.read', 'fs.write']) {
    if (permission.has(scope, absolute)) continue;
    const flag = scope.replace('.', '-');
    const folder = path.dirname(absolute);
    throw new PmemError('ERR_PMEM_ACCESS', `node --permission forbids it: start node with --allow-${flag}=${folder}/*`, { path: absolute });
  }
}
