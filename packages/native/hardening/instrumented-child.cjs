// The sanitizer is in this process by now. A node that this process starts is to have it too; compilers and shells are not.
delete process.env.LD_PRELOAD;
process.execPath = process.env.SAFE_PMEM_INSTRUMENTED_NODE;
