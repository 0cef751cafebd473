/** Runs every scenario on a filesystem of its own and reports what each step did. */
import { nativeDriver } from '@safe-pmem/native';
import { replayWithLayouts } from '../scenarios/replay.js';
import { scenarios } from '../scenarios/scenarios.js';
import { tracedScenario, type TracedScenario, type TraceSubject } from '../scenarios/trace.js';
import { guestMachine } from './guest-machine.js';
import { InjectorClient } from './injector-client.js';
import { jobContext, report } from './job-io.js';
import { MappingCalls } from './mapping-calls.js';
import { XfsIo } from './xfs-io.js';

export type TraceResult =
  | { readonly facts: TraceSubject['facts'] }
  | { readonly scenario: TracedScenario }
  | { readonly scenarioName: string; readonly failure: string };

function send(result: TraceResult): void {
  report(result);
}

export interface TracesInput {
  /** Names of scenarios; empty for all. */
  readonly only: readonly string[];
}

const context = jobContext();
const { only } = context.input as TracesInput;
const selected = only.length === 0 ? scenarios : scenarios.filter((scenario) => only.includes(scenario.name));
const unknown = only.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0) throw new Error(`no scenario is called ${unknown.join(', ')}`);
const injector = await InjectorClient.connect(context.injector);
const driver = nativeDriver();
const xfsIo = new XfsIo();
const mappingCalls = new MappingCalls();
const machine = guestMachine(driver, context.mountPoint, { injector, xfsIo, mappingCalls });

/** What a driver's file says of the filesystem; the traces are worth nothing where this is not DAX. */
async function facts(): Promise<TraceSubject['facts']> {
  const opened = await driver.open(`${context.mountPoint}/facts`, { readOnly: false, create: true, sizeBytes: 4096, preallocate: true });
  if ('failure' in opened) throw new Error(`${opened.failure.syscall} of a file failed with errno ${opened.failure.errno}`);
  const { dax, mapSync, persistMethod, pageBytes, blockBytes, bus } = opened.file.facts;
  await opened.file.close();
  if (!dax || !mapSync) throw new Error(`no DAX (${String(dax)}) or no MAP_SYNC (${String(mapSync)}) on ${context.filesystem}`);
  if (bus === undefined) throw new Error('the driver found no nvdimm bus');
  return { dax, mapSync, persistMethod, pageBytes, blockBytes, busProvider: bus.provider, busCommands: bus.commands };
}

send({ facts: await facts() });
for (const scenario of selected) {
  await injector.freshFilesystem({ hugePages: scenario.hugePages ?? false });
  try {
    send({ scenario: tracedScenario(scenario, await replayWithLayouts(scenario, machine)) });
  } catch (cause) {
    const reasons: string[] = [];
    for (let error = cause; error instanceof Error; error = error.cause) reasons.push(error.message);
    send({ scenarioName: scenario.name, failure: reasons.join(': ') });
  }
}
xfsIo.close();
mappingCalls.close();
injector.close();
