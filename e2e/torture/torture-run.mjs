// The run: places, oracle, cases, rounds, and what it says of them.
import process from 'node:process';
import { Actors } from './actors/actors.mjs';
import { cases } from './cases/index.mjs';
import { Oracle } from './oracle/oracle.mjs';
import { Places } from './places/places.mjs';
import { randomFrom, seedOf } from './random.mjs';
import { rounds } from './rounds/index.mjs';
import { Watchdog } from './watchdog.mjs';

const ROUND_MS = 3000;
const LIMIT_MS = 120_000;

export class TortureRun {
  #options;
  #places;
  #oracle;
  #watchdog;
  #actors;
  #failures = [];
  #counts = { cases: 0, rounds: 0, writes: 0, looks: 0, errors: 0 };

  /** `folder` is for image files and the oracle's pipe; whoever made it removes it. */
  constructor(options) {
    this.#options = options;
  }

  /** How much went wrong. `only`: the number of the one round that is to run. */
  async go(only) {
    const { folder, seed, seconds, only: text, skip = [] } = this.#options;
    const isAsked = ({ name }) => name.includes(text) && !skip.some((left) => name.includes(left));
    console.log(`seed ${seed}, ${seconds} s`);
    this.#watchdog = new Watchdog({
      limitMs: LIMIT_MS,
      status: () => this.#status(),
      onHang: (what) => {
        console.error(`FAILED ${what}`);
        process.emit('SIGTERM');
      },
    });
    this.#oracle = await Oracle.start(folder);
    this.#actors = new Actors(this.#oracle.fifo);
    this.#places = new Places(folder);
    if (only !== undefined) await this.#round(only, rounds.filter(isAsked));
    else {
      await this.#runCases(cases.filter(isAsked));
      await this.#runRounds(rounds.filter(isAsked), seconds);
    }
    this.#watchdog.stop();
    console.log(`${this.#watchdog.elapsed()} s: ${this.#status()}`);
    if (this.#counts.cases + this.#counts.rounds === 0) this.#fail(`nothing is called '${text}'`, '');
    for (const failure of this.#failures) console.error(failure);
    return this.#failures.length;
  }

  async close() {
    this.#watchdog?.stop();
    await this.#actors?.close();
    await this.#places?.close();
    this.#oracle?.stop();
  }

  #status() {
    const { cases: cased, rounds: round, writes, looks, errors } = this.#counts;
    return [
      `${cased} cases, ${round} rounds, ${this.#actors?.started ?? 0} processes`,
      `${writes} writes and ${looks} looks accounted for, ${errors} errors excused, ${this.#failures.length} failures`,
    ].join(', ');
  }

  async #runCases(chosen) {
    for (const { name, run } of chosen) {
      this.#watchdog.watch(`case '${name}'`);
      const begun = performance.now();
      try {
        await run(this.#context(randomFrom(seedOf(this.#options.seed, -1 - this.#counts.cases))));
        console.log(`ok     ${name} (${Math.round(performance.now() - begun)} ms)`);
      } catch (error) {
        this.#fail(`case '${name}'`, error.stack);
      }
      this.#counts.cases++;
      await this.#killAll();
    }
  }

  /** At least one round of each kind, whatever the time. */
  async #runRounds(kinds, seconds) {
    for (
      let number = 0;
      kinds.length > 0 && (number < kinds.length || this.#watchdog.elapsed() < seconds);
      number++
    ) {
      await this.#round(number, kinds);
      if (this.#failures.length >= 5) return;
    }
  }

  async #round(number, kinds) {
    const random = randomFrom(seedOf(this.#options.seed, number));
    const { name, run } = kinds[number % kinds.length];
    this.#watchdog.watch(`round ${number}, ${name}`);
    this.#oracle.begin();
    let problem;
    try {
      await run({ ...this.#context(random), oracle: this.#oracle, durationMs: ROUND_MS });
    } catch (error) {
      problem = error.stack;
    }
    await this.#killAll();
    const { wrong, counts } = await this.#oracle.verdict();
    this.#counts.rounds++;
    for (const what of ['writes', 'looks', 'errors']) this.#counts[what] += counts[what];
    const found = [...(problem === undefined ? [] : [problem]), ...wrong];
    const { seed, only, skip = [] } = this.#options;
    const chosen = [...(only === '' ? [] : [`--only '${only}'`]), ...skip.map((left) => `--skip '${left}'`)];
    const again = ['npm run test:torture --', `--seed ${seed} --round ${number}`, ...chosen].join(' ');
    if (found.length > 0) this.#fail(`round ${number}, ${name}: ${again}`, found.join('\n    '));
  }

  #context(random) {
    return {
      random,
      place: (kind) => this.#places.get(kind),
      startActor: (name) => this.#actors.start(name),
    };
  }

  async #killAll() {
    await this.#actors.killAll();
    await this.#places.calm();
  }

  #fail(what, details) {
    this.#failures.push(`FAILED ${what}\n    ${details}`);
    console.error(`FAILED ${what}`);
  }
}
