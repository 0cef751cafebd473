#!/usr/bin/env bash
# on-node.sh MAJOR COMMAND…: runs a command under another Node.js from the npm registry, kept in .cache/.
set -euo pipefail
major=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
prefix="$root/.cache/node-$major"
bin="$prefix/node_modules/node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')/bin"
if [ ! -x "$bin/node" ]; then
  mkdir -p "$prefix"
  npm install --prefix "$prefix" --no-save --no-audit --no-fund --silent "$(basename "$(dirname "$bin")")@$major"
fi
PATH="$bin:$PATH"
export PATH
echo "node $(node --version)"
exec "$@"
