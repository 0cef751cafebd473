/** Actors that outlive their case: starting one takes longer than most cases, and a process has to go on after any number of errors. */
import { ActorProcess, type ActorOptions } from './actor-process.js';

export class ActorPool {
  readonly #idle: ActorProcess[] = [];

  /** An ordinary one may have met errors in other files before; one with options is new. */
  take(options: ActorOptions): ActorProcess {
    const ordinary = options.worker !== true && options.early !== true;
    return (ordinary ? this.#idle.pop() : undefined) ?? new ActorProcess(options);
  }

  /** Takes back one that has let go of its files, or ends it. The dead are not missed. */
  async giveBack(actor: ActorProcess): Promise<void> {
    if (actor.death !== undefined) return;
    if (!actor.ordinary) return actor.end();
    await actor.call('closeAll');
    this.#idle.push(actor);
  }

  async end(): Promise<void> {
    for (const actor of this.#idle.splice(0)) await actor.end();
  }
}
