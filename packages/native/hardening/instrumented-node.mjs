// Test files start child processes as `process.execPath`, some with an empty environment: here that is the command
// which puts the sanitizers into node, or the addon could not be loaded there.
const node = process.env.SAFE_PMEM_INSTRUMENTED_NODE;
if (node === undefined) throw new Error('SAFE_PMEM_INSTRUMENTED_NODE does not name the command');
process.execPath = node;
