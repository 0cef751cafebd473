// Finds the Node-API headers without asking the network.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

function hasHeaders(folder) {
  return existsSync(path.join(folder, 'include', 'node', 'node_api.h'));
}

/** The prefix of the running node, where its headers are of its own version: other software may have left others there. */
function besideNode() {
  const prefix = path.resolve(process.execPath, '..', '..');
  const versionFile = path.join(prefix, 'include', 'node', 'node_version.h');
  if (!hasHeaders(prefix) || !existsSync(versionFile)) return undefined;
  const text = readFileSync(versionFile, 'utf8');
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  return `v${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}` === process.version ? prefix : undefined;
}

/**
 * A folder that node-gyp takes for a nodedir, made from the node-api-headers package: an addon that uses Node-API alone
 * needs four headers and no configuration.
 */
function shim(folder) {
  let headers;
  try {
    headers = require('node-api-headers').include_dir;
  } catch {
    return undefined;
  }
  const include = path.join(folder, 'include', 'node');
  mkdirSync(include, { recursive: true });
  cpSync(path.resolve(headers), include, { recursive: true });
  writeFileSync(path.join(include, 'config.gypi'), '{ "variables": {} }\n');
  writeFileSync(
    path.join(include, 'common.gypi'),
    `{
  "variables": { "visibility%": "hidden", "library%": "shared_library", "component%": "shared_library" },
  "target_defaults": {
    "default_configuration": "Release",
    "configurations": { "Release": { "cflags": ["-O2"], "defines": ["NDEBUG"] }, "Debug": { "cflags": ["-O0", "-g"] } },
    "cflags": ["-pthread", "-fPIC"],
    "ldflags": ["-pthread", "-rdynamic"],
  },
}
`,
  );
  return folder;
}

/**
 * The nodedir to build against: `asked` (an argument or the environment), the headers beside node, or a shim made in
 * `shimFolder`. `undefined` where there is none.
 */
export function findNodedir(asked, shimFolder) {
  if (asked !== undefined) {
    const folder = path.resolve(asked);
    if (!hasHeaders(folder)) throw new Error(`no include/node/node_api.h under the nodedir that was asked for: ${folder}`);
    return folder;
  }
  return besideNode() ?? shim(shimFolder);
}
