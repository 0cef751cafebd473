'use strict';
// The shipped addons that make faults, each by a require that names its file, as in binaries.cjs.
module.exports = {
  'linux-x64-glibc': () => require('./binary/linux-x64-glibc/testing.node'),
  'linux-x64-musl': () => require('./binary/linux-x64-musl/testing.node'),
  'linux-arm64-glibc': () => require('./binary/linux-arm64-glibc/testing.node'),
  'linux-arm64-musl': () => require('./binary/linux-arm64-musl/testing.node'),
};
