// The package's own tests, on the copy that is built under sanitizers.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The first demands -O2 of the binary it runs, and sanitized code is compiled with -O1. The second measures memory,
    // which ASan holds back on purpose; sanitizers.mjs runs its program without that. The third limits address space
    // and descriptors, which ASan needs for itself. The fourth looks at Node's own executable, for which a script
    // stands here. The fifth reads the symbols of the binary, which here are those of the sanitizers. The last three
    // stand between the addon and libc by LD_PRELOAD, where ASan has to be the first.
    exclude: [
      'test/sigbus/optimised-build.test.ts',
      'test/sigbus/many-faults.test.ts',
      'test/sigbus/limits.test.ts',
      'test/load-binding.test.ts',
      'test/binary-facts.test.ts',
      'test/neighbours/appended-meanwhile.test.ts',
      'test/neighbours/odd-filesystems.test.ts',
      'test/neighbours/other-roots.test.ts',
    ],
    setupFiles: ['hardening/instrumented-node.mjs'],
    // Wider than that of a child: test/sigbus/child.ts.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    coverage: { enabled: false },
  },
});
