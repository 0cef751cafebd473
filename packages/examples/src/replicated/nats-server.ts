/** A nats-server of one's own on loopback: for tests, demos, and to try things out. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReplicatedError } from './replicated-error.js';

const POLL_MS = 20;
const START_MS = 15_000;
/** Directories where Debian puts nats-server, which may not be in PATH. */
const SBIN = ['/usr/sbin', '/usr/local/sbin'];

export interface NatsServerOptions {
  /** Directory of its streams. Default: a temporary directory that stop() removes. */
  readonly directory?: string;
  /** Directories that nats-server is looked for in. Default: PATH, /usr/sbin and /usr/local/sbin. */
  readonly search?: readonly string[];
}

/** Configuration of the server from its next start on; what is left out is as it was at first. */
export interface NatsServerChanges {
  /** The longest message that it takes. Default 1 MiB. */
  readonly payloadBytesMax?: number;
  /** False: without JetStream. Default true. */
  readonly jetStream?: boolean;
  /** Token that every client has to give. Default: `token` of the server. */
  readonly token?: string;
}

export interface NatsServer {
  readonly url: string;
  /** Asked of every client; new with every startNatsServer(). */
  readonly token: string;
  readonly processId: number;
  /** Ends the process as kill(1) does and resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, on the same port and the same files. */
  restart(changes?: NatsServerChanges): Promise<void>;
  /** Ends it and removes its temporary directory. */
  stop(): Promise<void>;
}

/**
 * Starts a server with JetStream on a free port of 127.0.0.1, for this user alone. Throws ERR_REPLICATED_SERVER if
 * nats-server is not installed, with the name of the package, and if it does not start, with what it wrote.
 */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const executable = findExecutable(options.search ?? [...(process.env.PATH ?? '').split(delimiter), ...SBIN]);
  const runDirectory = mkdtempSync(join(tmpdir(), 'safe-pmem-nats-'));
  const storeDirectory = options.directory ?? join(runDirectory, 'store');
  const token = randomBytes(16).toString('hex');
  let child: ChildProcess | undefined;
  let port = -1;

  const start = async (changes: NatsServerChanges = {}): Promise<void> => {
    const { payloadBytesMax, jetStream = true, token: asked = token } = changes;
    const config = join(runDirectory, 'nats.conf');
    // In a file and not in the arguments, which every user of the machine can read.
    const lines = [
      'host: "127.0.0.1"',
      `port: ${port}`,
      ...(jetStream ? [`jetstream { store_dir: ${JSON.stringify(storeDirectory)} }`] : []),
      ...(payloadBytesMax === undefined ? [] : [`max_payload: ${payloadBytesMax}`]),
      `authorization { token: ${JSON.stringify(asked)} }`,
      `ports_file_dir: ${JSON.stringify(runDirectory)}`,
    ];
    writeFileSync(config, lines.join('\n'), { mode: 0o600 });
    const log: string[] = [];
    child = spawn(executable, ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => log.push(text));
    port = await portOf(child, runDirectory, log);
  };
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    if (running === undefined || hasEnded(running)) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await gone;
  };

  // A process that ends without stop() takes its server along, unless it is killed itself.
  const atExit = (): void => {
    child?.kill('SIGKILL');
  };
  process.once('exit', atExit);
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    process.off('exit', atExit);
    await kill(signal);
    rmSync(runDirectory, { recursive: true });
  };

  try {
    await start();
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    token,
    get processId() {
      return child?.pid ?? 0;
    },
    kill,
    restart: start,
    stop: () => stop('SIGTERM'),
  };
}

function findExecutable(directories: readonly string[]): string {
  for (const directory of directories.filter((name) => name !== '')) {
    const path = join(directory, 'nats-server');
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  const what = 'nats-server is not installed; on Debian: apt-get install nats-server';
  throw new ReplicatedError('ERR_REPLICATED_SERVER', undefined, what);
}

/** The server says its port in a file that is named after its process. */
async function portOf(child: ChildProcess, directory: string, log: readonly string[]): Promise<number> {
  for (let waitedMs = 0; waitedMs < START_MS && !hasEnded(child); waitedMs += POLL_MS) {
    const name = (await readdir(directory)).find((entry) => entry.endsWith(`_${child.pid ?? 0}.ports`));
    const text = name === undefined ? '' : await readFile(join(directory, name), 'utf8');
    const port = /nats:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
    if (port !== undefined) return Number(port);
    await sleep(POLL_MS);
  }
  throw new ReplicatedError('ERR_REPLICATED_SERVER', undefined, `nats-server did not start: ${log.join('').trim()}`);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
