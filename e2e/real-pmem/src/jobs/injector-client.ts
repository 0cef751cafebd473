/** Asks the privileged side of the guest for what nobody may not do. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { LineSplitter } from '../line-splitter.js';
import type { CommandEnd, FilesystemLayout, InjectorReply, InjectorRequest } from '../protocol.js';

export class InjectorClient {
  readonly #socket: Socket;
  readonly #waiting: ((reply: InjectorReply) => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    const lines = new LineSplitter((line) => this.#waiting.shift()?.(JSON.parse(line) as InjectorReply));
    socket.on('data', (chunk: Buffer) => {
      lines.push(chunk);
    });
    socket.on('close', () => {
      for (const waiting of this.#waiting.splice(0)) waiting({ ok: false, error: 'the injector closed the connection' });
    });
  }

  static async connect(path: string): Promise<InjectorClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new InjectorClient(socket);
  }

  /** Poisons `count` 512-byte sectors of the device. */
  async inject(sector: number, count: number): Promise<void> {
    await this.#ask({ operation: 'inject', sector, count });
  }

  /** Runs the command `safe-pmem` as root. */
  async safePmem(...argv: string[]): Promise<CommandEnd> {
    const ended = await this.#ask({ operation: 'safe-pmem', argv });
    if (ended === undefined) throw new Error('the injector did not say how the command ended');
    return ended;
  }

  /**
   * A new, empty filesystem without poison on the same mount point. Every file of the old one must be closed. With
   * `hugePages` the kernel can map 2 MiB of its files by one entry; with `mapped` it lies on a dm-linear device.
   */
  async freshFilesystem(layout: FilesystemLayout = {}): Promise<void> {
    await this.#ask({ operation: 'fresh-filesystem', ...layout });
  }

  async #ask(request: InjectorRequest): Promise<CommandEnd | undefined> {
    const reply = await new Promise<InjectorReply>((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(`${JSON.stringify(request)}\n`);
    });
    if (!reply.ok) throw new Error(`${request.operation}: ${reply.error}`);
    return reply.ended;
  }

  close(): void {
    this.#socket.end();
  }
}
