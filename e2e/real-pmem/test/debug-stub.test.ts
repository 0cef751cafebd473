import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DebugStub } from '../src/host/debug-stub.js';
import { QemuMonitor } from '../src/host/qemu-monitor.js';

/** The other end of a connection: notes what it is sent, and says what it is told to. */
function connection(): { readonly stream: Duplex; readonly sent: string[]; readonly say: (text: string) => void } {
  const sent: string[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      sent.push(chunk.toString('latin1'));
      done();
    },
  });
  return { stream, sent, say: (text) => { stream.push(Buffer.from(text, 'latin1')); } };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('debugger stub', () => {
  it('frames a command with its sum, and acknowledges the answer', async () => {
    const { stream, sent, say } = connection();
    const watched = new DebugStub(stream).watch('load', '7f00', 1);
    say('+$OK#9a');
    await watched;
    expect(sent).toEqual(['$Z3,7f00,1#13', '+']);
  });

  it('takes a stop for no answer, and keeps it for whoever waits for it', async () => {
    const { stream, say } = connection();
    const stub = new DebugStub(stream);
    const watched = stub.unwatch('store', '7f00', 1);
    say('$T05rwatch:7f00;#00$OK#9a');
    await watched;
    await stub.stopped(1000);
  });

  it('reads an answer that arrives in pieces', async () => {
    const { stream, say } = connection();
    const watched = new DebugStub(stream).watch('store', '1', 1);
    say('$O');
    await settled();
    say('K#9');
    await settled();
    say('a');
    await watched;
  });

  it('stops a guest that nothing has stopped, and says so', async () => {
    const { stream, sent, say } = connection();
    const outcome = new DebugStub(stream).stopped(1).catch((cause: unknown) => String(cause));
    while (!sent.includes('\x03')) await new Promise((resolve) => setTimeout(resolve, 1));
    say('$T02#00');
    expect(await outcome).toContain('nothing arrived for 1 ms');
  });

  it('rejects what the stub does not do, and when QEMU is gone', async () => {
    const { stream, say } = connection();
    const stub = new DebugStub(stream);
    const refused = stub.watch('load', '1', 1);
    say('$#00');
    await expect(refused).rejects.toThrow('answers Z3,1,1 with nothing');
    const gone = stub.watch('load', '1', 1);
    stream.destroy();
    await expect(gone).rejects.toThrow('closed the connection');
  });
});

describe('monitor', () => {
  it('agrees on the protocol once, and returns what a command prints', async () => {
    const { stream, sent, say } = connection();
    const monitor = new QemuMonitor(stream);
    const first = monitor.run('info registers');
    say('{"QMP": {}}\n{"return": {}}\n');
    await settled();
    say('{"event": "STOP"}\n{"return": "CPL=3"}\n');
    expect(await first).toBe('CPL=3');
    const second = monitor.run('mce 0');
    say('{"error": {"desc": "no such CPU"}}\n');
    await expect(second).rejects.toThrow('no such CPU');
    expect(sent.map((line) => (JSON.parse(line) as { execute: string }).execute)).toEqual(['qmp_capabilities', 'human-monitor-command', 'human-monitor-command']);
  });
});
