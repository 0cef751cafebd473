/** A command line on a simulated machine: files, device and screen are in memory. */
import type { MockDriver } from '@safe-pmem/mock';
import type { Destination, FileTree, FoundFile, NotLookedAt } from '../src/index.js';
import { runCli } from '../src/index.js';
import type { Surroundings } from '../src/index.js';

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** The JSON values, if `--json` was given. */
  readonly records: readonly Record<string, unknown>[];
}

export interface CommandLine {
  readonly driver: MockDriver;
  /** Files that salvage has made. */
  readonly made: Map<string, Buffer>;
  /** How often the place of a file was asked for. */
  readonly looks: string[];
  /** Aborting it is ^C. */
  readonly interrupt: AbortController;
  /** What was printed so far. */
  readonly printed: { out: string; err: string };
  run(...argv: string[]): Promise<Ran>;
}

export interface CommandLineOptions {
  readonly columns?: number;
  readonly hasColor?: boolean;
  /** Runs before each write of a copy. */
  readonly beforeWrite?: () => void;
  readonly canRewrite?: boolean;
  readonly now?: () => Date;
  readonly estimate?: number;
  /** Of the machine. Default 4096. */
  readonly pageBytes?: number;
}

export function commandLineOn(driver: MockDriver, options: CommandLineOptions = {}): CommandLine {
  const made = new Map<string, Buffer>();
  const looks: string[] = [];
  const interrupt = new AbortController();
  const printed = { out: '', err: '' };
  const surroundings: Surroundings = {
    driver,
    tree: treeOf(driver, looks, options),
    destination: destinationIn(made, options.beforeWrite),
    screen: {
      out: (text) => {
        printed.out += text;
      },
      err: (text) => {
        printed.err += text;
      },
      hasColor: options.hasColor ?? false,
      canRewrite: options.canRewrite ?? false,
      columns: options.columns ?? 80,
    },
    now: options.now ?? (() => new Date('2026-11-28T18:44:31')),
    interrupted: interrupt.signal,
    stayAlive: () => () => undefined,
  };
  return {
    driver,
    made,
    looks,
    interrupt,
    printed,
    run: async (...argv) => {
      printed.out = '';
      printed.err = '';
      const status = await runCli(argv, surroundings, '1.2.3');
      const { out, err } = printed;
      const records = argv.includes('--json')
        ? out
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => JSON.parse(line) as Record<string, unknown>)
        : [];
      return { status, out, err, records };
    },
  };
}

function treeOf(
  driver: MockDriver,
  looks: string[],
  { estimate, pageBytes = 4096 }: CommandLineOptions,
): FileTree {
  return {
    *walk(path): Generator<FoundFile | NotLookedAt> {
      for (const name of driver.listFiles()) {
        if (name !== path && !name.startsWith(path === '/' ? '/' : `${path}/`)) continue;
        const sizeBytes = driver.readFile(name).length;
        yield {
          kind: 'file',
          name,
          nameBytes: undefined,
          sizeBytes,
          allocatedBytes: sizeBytes,
          withPath: (use) => {
            looks.push(name);
            return use(name);
          },
        };
      }
    },
    isDirectory: (path) => !driver.listFiles().includes(path),
    blockBytes: () => pageBytes,
    estimate: () => estimate,
  };
}

function destinationIn(made: Map<string, Buffer>, beforeWrite: (() => void) | undefined): Destination {
  return {
    create: (name) => {
      if (made.has(name))
        return Promise.reject(Object.assign(new Error(`'${name}' exists already`), { code: 'EEXIST' }));
      let bytes = Buffer.alloc(0);
      return Promise.resolve({
        write: (piece, position) => {
          beforeWrite?.();
          const end = position + piece.length;
          if (end > bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]);
          bytes.set(piece, position);
          return Promise.resolve();
        },
        finish: (sizeBytes) => {
          made.set(name, Buffer.concat([bytes, Buffer.alloc(sizeBytes)]).subarray(0, sizeBytes));
          return Promise.resolve();
        },
        discard: () => Promise.resolve(),
      });
    },
  };
}
