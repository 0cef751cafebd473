// A replicated log whose server is stopped, held up, killed and started again, and again at once; and whose
// process is killed.
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNatsServer } from '@safe-pmem/examples/replicated';

/** What the engine may say while its server does not answer. */
const UNANSWERED = 'ERR_REPLICATED_SERVER,ERR_REPLICATED_REFUSED';

export async function replicaRound({ place, oracle, random, startActor, durationMs }) {
  const { tell } = oracle;
  const there = await place(random.pick(['tmpfs', 'ext4', 'xfs']));
  const server = await startNatsServer();
  const options = {
    path: path.join(there.folder, 'log'),
    url: server.url,
    token: server.token,
    stream: 'torture',
    ack: random.pick(['both', 'local', 'stream']),
  };
  let running;
  const begin = () => {
    const actor = startActor('writer');
    running = { actor, life: actor.call('live', 'replica', options) };
  };
  const happenings = {
    kill: async () => {
      await running.actor.kill();
      tell('dead', 'writer');
      begin();
    },
    /** A server that takes what is sent and does not answer. */
    held: async () => {
      process.kill(server.processId, 'SIGSTOP');
      await sleep(random.below(400));
      process.kill(server.processId, 'SIGCONT');
    },
    stopped: async () => {
      await server.kill(random.pick(['SIGTERM', 'SIGKILL']));
      await sleep(random.below(300));
      await server.restart();
    },
    storm: async () => {
      for (let left = 2 + random.below(3); left > 0; left--) {
        await server.kill('SIGKILL');
        await server.restart();
      }
    },
  };
  tell('excuse', UNANSWERED);
  try {
    begin();
    for (const end = performance.now() + durationMs; performance.now() < end;) {
      await sleep(50 + random.below(300));
      await happenings[random.weighted({ kill: 3, held: 3, stopped: 2, storm: 1 })]();
    }
    await running.actor.call('stop');
    const { error } = await running.life;
    if (error !== undefined) tell('wrong', `writer: ${error.code} ${error.stack ?? error.message}`);
    await running.actor.kill();
    tell('dead', 'writer');
    const reader = startActor('reader');
    const looked = await reader.call('live', 'replica', { ...options, look: true });
    if (looked.error !== undefined)
      tell('wrong', `reader: ${looked.error.code} ${looked.error.stack ?? looked.error.message}`);
  } finally {
    await server.stop().catch(() => undefined);
  }
}
