// Finds the Node-API headers without asking the network.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

function includeOf(prefix) {
  const include = path.join(prefix, 'include', 'node');
  return existsSync(path.join(include, 'node_api.h')) ? include : undefined;
}

/** Beside the running node, if they are of its own version: other software may have left others there. */
function besideNode() {
  const include = includeOf(path.resolve(process.execPath, '..', '..'));
  const versionFile = include && path.join(include, 'node_version.h');
  if (versionFile === undefined || !existsSync(versionFile)) return undefined;
  const text = readFileSync(versionFile, 'utf8');
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  return `v${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}` === process.version ? include : undefined;
}

/** The folder of the node-api-headers package, or `undefined`. */
export function packagedHeaders() {
  try {
    return path.resolve(require('node-api-headers').include_dir);
  } catch {
    return undefined;
  }
}

/**
 * The folder with `node_api.h`: under `asked` (an argument or the environment), of the node-api-headers package, or
 * beside node; `undefined` if there is none. Throws if `asked` is given and holds none.
 */
export function findNodeHeaders(asked) {
  if (asked === undefined) return packagedHeaders() ?? besideNode();
  const include = includeOf(path.resolve(asked));
  if (include === undefined) throw new Error(`no include/node/node_api.h in the folder that was named: ${path.resolve(asked)}`);
  return include;
}
