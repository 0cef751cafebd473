export {
  type CrashChoice,
  type CrashChooser,
  keepAll,
  loseAll,
  SimulatedCrash,
} from './crash.js';
export { crashAt, failNth, type FaultFilter, poisonAtRate, poisonNth } from './fault-plan.js';
export {
  type FilesystemName,
  KERNEL_PROFILES,
  type KernelName,
  type KernelRules,
  kernelRules,
  type Mount,
  type SignalFacts,
} from './kernel-profile.js';
export { type FreePoolReport, type MockDriver, mockDriver, type PoisonOptions } from './mock-driver.js';
export { MockSystemError } from './mock-system-error.js';
export type { MockOperation, OperationEffect, OperationHook, OperationName } from './operation.js';
export type { MockOptions } from './options.js';
