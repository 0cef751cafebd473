/**
 * A small application as people write them for Level: a task list for several users, with sublevels, encodings, an index,
 * iterators over ranges of it, and counters that are changed in batches. It knows nothing of the
 * medium, and runs here through poison, power loss and restarts.
 */
import { expect, test } from 'vitest';
import type { AbstractSublevel } from 'abstract-level';
import type { PmemLevel } from '../../src/level/index.js';
import { FILES, LevelMachine, PAGE } from './level-machine.js';

interface Task {
  readonly owner: string;
  readonly title: string;
  readonly due: number;
  readonly done: boolean;
}

class TaskList {
  readonly #db: PmemLevel;
  readonly #tasks: AbstractSublevel<PmemLevel, Buffer, string, Task>;
  /** By owner and due date: `owner!due!id`. */
  readonly #byDue: AbstractSublevel<PmemLevel, Buffer, string, string>;
  readonly #counts: AbstractSublevel<PmemLevel, Buffer, string, number>;

  constructor(db: PmemLevel) {
    this.#db = db;
    this.#tasks = db.sublevel<string, Task>('tasks', { valueEncoding: 'json' });
    this.#byDue = db.sublevel(['index', 'due']);
    this.#counts = db.sublevel<string, number>('counts', { valueEncoding: 'json' });
  }

  async add(id: string, task: Task): Promise<void> {
    const count = (await this.#counts.get(task.owner)) ?? 0;
    await this.#db.batch([
      { type: 'put', sublevel: this.#tasks, key: id, value: task } as never,
      { type: 'put', sublevel: this.#byDue, key: indexKey(task, id), value: id } as never,
      { type: 'put', sublevel: this.#counts, key: task.owner, value: count + 1 } as never,
    ]);
  }

  async finish(id: string): Promise<void> {
    const task = await this.#tasks.get(id);
    if (task === undefined) throw new Error(`there is no task '${id}'`);
    const count = (await this.#counts.get(task.owner)) ?? 0;
    await this.#db
      .batch()
      .del(id, { sublevel: this.#tasks })
      .del(indexKey(task, id), { sublevel: this.#byDue })
      .put(task.owner, (count - 1) as never, { sublevel: this.#counts } as never)
      .write();
  }

  /** Titles of a user's tasks that are due before `end`, the most urgent first. */
  async due(owner: string, end: number): Promise<string[]> {
    const titles: string[] = [];
    for await (const id of this.#byDue.values({ gte: `${owner}!`, lt: `${owner}!${padded(end)}` })) {
      titles.push((await this.#tasks.get(id))?.title ?? 'missing');
    }
    return titles;
  }

  async latest(owner: string): Promise<string | undefined> {
    const [last] = await this.#byDue.values({ gte: `${owner}!`, lt: `${owner}"`, reverse: true, limit: 1 }).all();
    return last;
  }

  async count(owner: string): Promise<number> {
    return (await this.#counts.get(owner)) ?? 0;
  }

  async forget(): Promise<void> {
    await this.#tasks.clear();
    await this.#byDue.clear();
    await this.#counts.clear();
  }
}

const padded = (due: number): string => String(due).padStart(6, '0');
const indexKey = ({ owner, due }: Task, id: string): string => `${owner}!${padded(due)}!${id}`;

const OWNERS = ['ada', 'grace', 'linus'];
const taskOf = (i: number): Task => ({ owner: OWNERS[i % 3] ?? '', title: `task ${i} ${'.'.repeat((i * 37) % 300)}`, due: (i * 7919) % 1000, done: false });

/** Checks all that the application can be asked against what was put in. */
async function expectTasks(list: TaskList, open: ReadonlySet<number>): Promise<void> {
  for (const owner of OWNERS) {
    const mine = [...open].filter((i) => taskOf(i).owner === owner).sort((a, b) => taskOf(a).due - taskOf(b).due);
    expect(await list.count(owner)).toBe(mine.length);
    expect(await list.due(owner, 1000)).toEqual(mine.map((i) => taskOf(i).title));
    expect(await list.due(owner, 500)).toEqual(mine.filter((i) => taskOf(i).due < 500).map((i) => taskOf(i).title));
    expect(await list.latest(owner)).toBe(mine.length === 0 ? undefined : `id ${String(mine.at(-1))}`);
  }
}

test('a task list goes on through poison, power loss and restarts', async () => {
  const machine = new LevelMachine();
  let list = new TaskList(await machine.open());
  const open = new Set<number>();
  for (let i = 0; i < 90; i++) {
    await list.add(`id ${i}`, taskOf(i));
    open.add(i);
    if (i % 4 === 3) {
      await list.finish(`id ${i - 2}`);
      open.delete(i - 2);
    }
    if (i % 9 === 0) {
      const file = FILES[(['pages', 'mirror', 'log', 'logMirror'] as const)[(i / 9) % 4] ?? 'pages'];
      const pages = machine.driver.readFile(file).length / PAGE;
      machine.driver.poison(file, { offset: ((i * 31) % pages) * PAGE, length: 64 }, { latent: i % 2 === 0 });
    }
    if (i % 15 === 14) {
      machine.driver.crash(i % 2 === 0 ? 'lose-all' : 'keep-all');
      machine.forget();
      list = new TaskList(await machine.open());
      await expectTasks(list, open);
      await machine.db.repair();
    }
  }
  await expectTasks(list, open);
  await list.forget();
  await expectTasks(list, new Set());
  expect(await machine.db.iterator().all()).toEqual([]);
});

test('keys and values in every encoding come back as they were', async () => {
  const machine = new LevelMachine();
  const db = await machine.open();
  const bytes = Uint8Array.of(0, 1, 127, 128, 254, 255);
  await db.put('text', 'value ü');
  await db.put('json', { a: [1, null, 'x'] } as never, { valueEncoding: 'json' });
  await db.put(bytes as never, bytes as never, { keyEncoding: 'view', valueEncoding: 'view' });
  await db.put('buffer', Buffer.from(bytes) as never, { valueEncoding: 'buffer' });
  await db.put('hex', '00ff10', { valueEncoding: 'hex' });
  await db.checkpoint();
  const again = await machine.open();
  expect(await again.get('text')).toBe('value ü');
  expect(await again.get('json', { valueEncoding: 'json' })).toEqual({ a: [1, null, 'x'] });
  const view = await again.get<Uint8Array, Uint8Array>(bytes, { keyEncoding: 'view', valueEncoding: 'view' });
  expect([view instanceof Uint8Array, Buffer.compare(view ?? Buffer.alloc(0), bytes)]).toEqual([true, 0]);
  expect(await again.get('buffer', { valueEncoding: 'base64' })).toBe(Buffer.from(bytes).toString('base64'));
  expect(await again.get<string, Buffer>('hex', { valueEncoding: 'buffer' })).toEqual(Buffer.from('00ff10', 'hex'));
});
