// One round as the oracle hears it: a word a line, in the order in which the processes wrote them into one pipe.
import { Cell, LOST } from './cell.mjs';

/** What a write says where its place is lost. */
const LOSSES = new Set(['ERR_PMEM_MEDIA', 'ERR_PMEM_REPAIR_FAILED', 'ERR_PMEM_LOST']);
/** What a view says of a bad page that has been repaired since: its loads cannot be repeated. */
const UNEXPLAINED = 'ERR_PMEM_IO';
/** Findings kept of a round; the rest is counted. */
const KEPT = 4;

export class History {
  wrong = [];
  counts = { writes: 0, looks: 0, errors: 0 };
  #cells = new Map();
  #initial = 0;
  /** Codes that the weather excuses, and by actor those that it excused since its operation began. */
  #excused = new Map();
  #operations = new Map();
  #log = { tried: 0, done: 0, dropped: 0, tryDropped: 0 };
  #lines = [];

  /** Takes one line: `ACTOR WORD ARGUMENT …`. */
  hear(line) {
    this.#lines.push(line);
    if (this.#lines.length > 4000) this.#lines.splice(0, 2000);
    const [actor, word, ...args] = line.split(' ');
    const heard = this.#words[word];
    if (heard === undefined) this.#find(`'${line}' is not a word`);
    else heard(actor, ...args);
  }

  /** The last lines that speak of a cell, for whoever has to understand a finding. */
  linesAbout(cell) {
    return this.#lines
      .filter(
        (line) => line.split(' ')[2] === cell || / (dead|excuse|blame|opened) /.test(line) || line.includes(' note '),
      )
      .slice(-14);
  }

  #words = {
    initial: (_, value) => {
      this.#initial = Number(value);
    },
    set: (_, name, value) => {
      this.#cells.set(name, new Cell(Number(value)));
    },
    try: (actor, name, value, kind) => {
      this.#begins(actor);
      this.#cell(name).begin(actor, Number(value), kind === 'repair');
    },
    done: (actor, name, value, keeping) => {
      this.counts.writes++;
      this.#cell(name).end(actor, Number(value), keeping === undefined ? undefined : Number(keeping));
    },
    failed: (actor, name, code) => {
      const cell = this.#cell(name);
      const mayBeLost = cell.mayBe(actor, LOST);
      cell.fail(actor);
      if (LOSSES.has(code) && mayBeLost) this.counts.errors++;
      else this.#error(actor, name, code);
    },
    look: (actor, name) => {
      this.#begins(actor);
      this.#cell(name).look(actor);
    },
    saw: (actor, name, list) => {
      this.counts.looks++;
      const values = list.split(',').map(Number);
      const cell = this.#cell(name);
      const possible = [...cell.possible];
      const impossible = cell.impossible(actor, values);
      if (impossible.length === 0) return;
      this.#find(`${actor} saw ${describe(impossible)} in ${name}, where ${describe(possible)} can be`, name);
    },
    /** A look ended in an error. */
    unread: (actor, name, code) => {
      const mayBeLost = this.#cell(name).impossible(actor, [LOST]).length === 0;
      if ((LOSSES.has(code) || code === UNEXPLAINED) && mayBeLost) this.counts.errors++;
      else this.#error(actor, name, code);
    },
    /** An operation on the whole began; `ended` says how, with a code or `ok`. */
    begin: (actor) => {
      this.#begins(actor);
    },
    ended: (actor, name, code) => {
      if (code === 'ok') return;
      // An operation on the whole may meet any page that is lost.
      const isLoss = LOSSES.has(code) && [...this.#cells.values()].some((cell) => cell.possible.has(LOST));
      if (isLoss) this.counts.errors++;
      else this.#error(actor, name, code);
    },
    lose: (_, name) => {
      this.#cell(name).disturb(LOST);
    },
    /** The process that the runner names has ended. */
    dead: (_, actor) => {
      for (const cell of this.#cells.values()) cell.forget(actor);
    },
    excuse: (_, codes) => {
      for (const code of codes.split(',')) {
        this.#excused.set(code, (this.#excused.get(code) ?? 0) + 1);
        for (const excused of this.#operations.values()) excused.add(code);
      }
    },
    blame: (_, codes) => {
      for (const code of codes.split(',')) {
        const left = (this.#excused.get(code) ?? 1) - 1;
        if (left > 0) this.#excused.set(code, left);
        else this.#excused.delete(code);
      }
    },
    wrong: (actor, ...words) => {
      this.#find(`${actor}: ${words.join(' ')}`);
    },
    /** For whoever reads the lines beside a finding. */
    note: () => undefined,
    opened: () => undefined,
    tryCommit: (_, sequence) => {
      this.#log.tried = Math.max(this.#log.tried, Number(sequence));
    },
    committed: (_, sequence) => {
      this.counts.writes++;
      this.#log.done = Math.max(this.#log.done, Number(sequence));
    },
    tryDrop: (_, sequence) => {
      this.#log.tryDropped = Math.max(this.#log.tryDropped, Number(sequence));
    },
    dropped: (_, sequence) => {
      this.#log.dropped = Math.max(this.#log.dropped, Number(sequence));
    },
    sawLog: (actor, first, last) => {
      this.#checkLog(actor, Number(first), Number(last));
    },
  };

  #cell(name) {
    let cell = this.#cells.get(name);
    if (cell === undefined) this.#cells.set(name, (cell = new Cell(this.#initial)));
    return cell;
  }

  #begins(actor) {
    this.#operations.set(actor, new Set(this.#excused.keys()));
  }

  #error(actor, name, code) {
    this.counts.errors++;
    const excused = this.#operations.get(actor);
    if ([code, 'any'].some((one) => this.#excused.has(one) || excused?.has(one))) return;
    this.#find(`${actor} got ${code} at ${name}, and nothing has happened that excuses it`, name);
  }

  #checkLog(actor, first, last) {
    this.counts.looks++;
    const { tried, done, dropped, tryDropped } = this.#log;
    if (last < done) this.#find(`${actor}: ${done} was committed, and the log ends at ${last}`);
    if (last > tried) this.#find(`${actor}: the log ends at ${last}, and only ${tried} was tried`);
    if (first < dropped + 1) this.#find(`${actor}: ${dropped} was dropped, and the log begins at ${first}`);
    if (first > tryDropped + 1)
      this.#find(`${actor}: the log begins at ${first}, and only ${tryDropped} was tried to drop`);
    // What a reader has found, every later one has to find.
    Object.assign(this.#log, { done: Math.max(done, last), dropped: Math.max(dropped, first - 1) });
  }

  #find(what, cell) {
    if (this.wrong.length >= KEPT) return;
    this.wrong.push(cell === undefined ? what : `${what}\n      ${this.linesAbout(cell).join('\n      ')}`);
  }
}

function describe(values) {
  return values.map((value) => (value === LOST ? 'a loss' : String(value))).join(', ');
}
