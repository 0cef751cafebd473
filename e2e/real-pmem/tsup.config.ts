import { defineConfig } from 'tsup';
import { base } from '../../tsup.base.js';

export default defineConfig({
  ...base,
  format: ['esm'],
  // node:test exists under its full name only.
  removeNodeProtocol: false,
  // Every file that the guest opens costs a round trip: one file a program.
  splitting: false,
  entry: {
    'host/cli': 'src/host/cli.ts',
    'guest/agent': 'src/guest/agent.ts',
    'jobs/smoke': 'src/jobs/smoke.ts',
    'jobs/contract': 'src/jobs/contract.ts',
    'jobs/contract-reporter': 'src/jobs/contract-reporter.ts',
    'jobs/traces': 'src/jobs/traces.ts',
    'jobs/machine-check': 'src/jobs/machine-check.ts',
    'machine-check/actor': 'src/machine-check/actor.ts',
    'matrix-page/cli': 'src/matrix-page/cli.ts',
    'jobs/repair': 'src/jobs/repair.ts',
    'jobs/bench': 'src/jobs/bench.ts',
    'jobs/cost': 'src/jobs/cost.ts',
    'jobs/command': 'src/jobs/command.ts',
    'jobs/fuzz': 'src/jobs/fuzz.ts',
    'jobs/zero-range': 'src/jobs/zero-range.ts',
    'jobs/power-off': 'src/jobs/power-off.ts',
    'jobs/signals': 'src/jobs/signals.ts',
    'jobs/filesystems': 'src/jobs/filesystems.ts',
    'signals/vitest-here': 'src/signals/vitest-here.ts',
    'fuzz/check-corpus': 'src/fuzz/check-corpus-cli.ts',
  },
  noExternal: ['fast-check', '@vitest/expect'],
});
