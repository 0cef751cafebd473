export { type CrashChoice, type CrashChooser, keepAll, loseAll } from './hardware/crash.js';
export { SimulatedCrash } from './faults/simulated-crash.js';
export { everyCrash, type EveryCrashOptions } from './explore/every-crash.js';
export { everyFault, type EveryFaultOptions } from './explore/every-fault.js';
export { everyInterleaving, type EveryInterleavingOptions } from './explore/every-interleaving.js';
export { everyPoison, type EveryPoisonOptions } from './explore/every-poison.js';
export { everyWay, type EveryWayOptions, type ExplorationTarget } from './explore/every-way.js';
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
export { faultsOf } from './explore/injected-faults.js';
export { replaySchedule } from './explore/replay.js';
export type {
  CrashEvent,
  ErrnoName,
  FaultEvent,
  InjectedFault,
  KillEvent,
  OutsideEvent,
  PoisonEvent,
  Schedule,
  ScheduledEvent,
  TurnEvent,
} from './explore/schedule.js';
export { crashAt, failNth, type FaultFilter, poisonAtRate, poisonNth } from './faults/fault-plan.js';
export {
  type FilesystemName,
  KERNEL_PROFILES,
  type KernelName,
  type KernelRules,
  kernelRules,
  type Mount,
  type SignalFacts,
} from './kernel/kernel-profile.js';
export { KernelOops } from './kernel/kernel-oops.js';
export { type MockDriver, mockDriver } from './driver/mock-driver.js';
export type { FreePoolReport, PoisonOptions } from './driver/poison-medium.js';
export { type MockProcess } from './driver/mock-process.js';
export { MockSystemError } from './driver/mock-system-error.js';
export type { MockOperation, OperationEffect, OperationHook, OperationName } from './driver/operation.js';
export type { MockOptions, Placement, PlacementRequest } from './driver/options.js';
