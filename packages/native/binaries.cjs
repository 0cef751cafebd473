'use strict';
// The shipped binaries, each by a require that names its file: that is what bundlers (esbuild, webpack, ncc) and file
// tracers look for. Nothing is loaded before the function is called.
module.exports = {
  'linux-x64-glibc': () => require('./binary/linux-x64-glibc/safe-pmem.node'),
  'linux-x64-musl': () => require('./binary/linux-x64-musl/safe-pmem.node'),
  'linux-arm64-glibc': () => require('./binary/linux-arm64-glibc/safe-pmem.node'),
  'linux-arm64-musl': () => require('./binary/linux-arm64-musl/safe-pmem.node'),
};
