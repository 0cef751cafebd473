export { type CrashChoice, type CrashChooser, keepAll, loseAll } from './crash.js';
export { SimulatedCrash } from './simulated-crash.js';
export { everyCrash, type EveryCrashOptions } from './every-crash.js';
export { everyFault, type EveryFaultOptions } from './every-fault.js';
export { everyInterleaving, type EveryInterleavingOptions } from './every-interleaving.js';
export { everyPoison, type EveryPoisonOptions } from './every-poison.js';
export { everyWay, type EveryWayOptions, type ExplorationTarget } from './every-way.js';
export { type CrashOptions } from './explore/crash-points.js';
export { ExplorationFailure } from './explore/exploration-failure.js';
export type {
  Explorable,
  Exploration,
  ExplorationParts,
  ExplorationReport,
  Explored,
  ExploreOptions,
  InterleavedBody,
  Interleaving,
  Outcome,
  Progress,
} from './explore/exploration.js';
export { faultsOf } from './explore/fault-kinds.js';
export { replaySchedule } from './explore/replay.js';
export type {
  CrashEvent,
  ErrnoName,
  FaultEvent,
  FaultKind,
  KillEvent,
  OutsideEvent,
  PoisonEvent,
  Schedule,
  ScheduledEvent,
  TurnEvent,
} from './explore/schedule.js';
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
export { KernelOops } from './kernel-oops.js';
export { type FreePoolReport, type MockDriver, mockDriver, type PoisonOptions } from './mock-driver.js';
export { type MockProcess } from './mock-process.js';
export { MockSystemError } from './mock-system-error.js';
export type { MockOperation, OperationEffect, OperationHook, OperationName } from './operation.js';
export type { MockOptions, Placement, PlacementRequest } from './options.js';
