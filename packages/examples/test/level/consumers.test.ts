/** Packages that others have published for Level: they run here as they are, on this database and on memory-level. */
import type { DataFactory, Quad, Term } from '@rdfjs/types';
import type { AbstractLevel } from 'abstract-level';
import { EntryStream, KeyStream, ValueStream } from 'level-read-stream';
import { MemoryLevel } from 'memory-level';
import { Quadstore } from 'quadstore';
import { expect, test } from 'vitest';
import { FILES, LevelMachine, PAGE } from './level-machine.js';

type Level = AbstractLevel<string | Buffer | Uint8Array>;

/** Runs the program on both; returns what it has returned on ours, where that is what memory-level gives. */
async function onBoth<Result>(program: (db: Level) => Promise<Result>): Promise<Result> {
  const ours = await program((await new LevelMachine().open()) as unknown as Level);
  expect(ours).toEqual(await program(new MemoryLevel() as unknown as Level));
  return ours;
}

const KEYS = Array.from({ length: 300 }, (_, i) => `key ${String(i).padStart(3, '0')}`);

async function streamed<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

test('level-read-stream: streams of entries, keys and values, in ranges, backwards, through small buffers', async () => {
  const counts = await onBoth(async (db) => {
    await db.batch(KEYS.map((key) => ({ type: 'put', key, value: key.repeat(20) })));
    const sub = db.sublevel<string, number>('sub', { valueEncoding: 'json' });
    await sub.batch(KEYS.map((key, i) => ({ type: 'put', key, value: i })));
    return [
      await streamed(new EntryStream<string, string, Level>(db, { gte: 'key 100', lt: 'key 200', highWaterMark: 3 })),
      await streamed(new KeyStream<string, Level>(db, { reverse: true, limit: 50 })),
      await streamed(new ValueStream<string, string, Level>(db, { gt: 'key 290' })),
      await streamed(new EntryStream<string, number, typeof sub>(sub, { lte: 'key 010' })),
    ].map((items) => JSON.stringify(items));
  });
  expect(counts.map((text) => (JSON.parse(text) as unknown[]).length)).toEqual([100, 50, 9, 11]);
});

test('level-read-stream: a stream that began before writes ends with the state of its beginning', async () => {
  const db = (await new LevelMachine().open()) as unknown as Level;
  await db.batch(KEYS.map((key) => ({ type: 'put', key, value: 'old' })));
  const stream = new EntryStream<string, string, Level>(db, { highWaterMark: 2 });
  const seen: string[] = [];
  for await (const { key, value } of stream) {
    seen.push(`${key}=${value}`);
    if (seen.length === 5) await db.clear({ gte: 'key 100' });
    if (seen.length === 6) await db.put('key 007', 'new');
  }
  expect(seen).toEqual(KEYS.map((key) => `${key}=old`));
  expect(await db.keys().all()).toHaveLength(100);
});

const make = (termType: string, value: string): Term => {
  const equals = (other: Term | null | undefined): boolean => other?.termType === termType && other.value === value;
  return { termType, value, equals } as unknown as Term;
};
/** As much of RDF's data factory as this test needs. */
const dataFactory = {
  namedNode: (value: string) => make('NamedNode', value),
  defaultGraph: () => make('DefaultGraph', ''),
  literal: (value: string) => ({ ...make('Literal', value), language: '', datatype: make('NamedNode', 'http://www.w3.org/2001/XMLSchema#string') }),
  quad: (subject: Term, predicate: Term, object: Term, graph: Term = make('DefaultGraph', '')) => {
    return { ...make('Quad', ''), subject, predicate, object, graph } as unknown as Quad;
  },
} as unknown as DataFactory;

const node = (name: string): Term => make('NamedNode', `http://example.org/${name}`);
const fact = (subject: string, predicate: string, object: string): Quad =>
  dataFactory.quad(node(subject) as never, node(predicate) as never, node(object) as never);
const said = ({ subject, predicate, object }: Quad): string => [subject, predicate, object].map(({ value }) => value.slice(19)).join(' ');

/** Facts put, patched and deleted by a query layer that keeps six indexes in one batch a fact; then every kind of question. */
async function askQuadstore(db: Level): Promise<readonly string[][]> {
  const store = new Quadstore({ backend: db, dataFactory });
  await store.open();
  const facts = Array.from({ length: 60 }, (_, i) => fact(`s${i % 7}`, `p${i % 5}`, `o${i % 11}`));
  await store.multiPut(facts);
  await store.del(fact('s0', 'p0', 'o0'));
  await store.patch(fact('s1', 'p1', 'o1'), fact('s1', 'p1', 'new'));
  const patterns = [{}, { subject: node('s1') }, { predicate: node('p2') }, { object: node('o3') }, { subject: node('s1'), object: node('new') }];
  const answers: string[][] = [];
  for (const pattern of patterns) answers.push((await store.get(pattern as never)).items.map((quad) => said(quad)));
  answers.push([String(await store.countQuads(node('s2') as never))]);
  return answers;
}

test('quadstore: a query layer with six indexes answers as on memory-level', async () => {
  const answers = await onBoth(askQuadstore);
  expect(answers[0]).toHaveLength(59);
  expect(answers[4]).toEqual(['s1 p1 new']);
});

test('quadstore: the same answers with a bad page in every file in turn, and after a restart', async () => {
  const wanted = await askQuadstore(new MemoryLevel());
  for (const file of Object.values(FILES)) {
    const machine = new LevelMachine({ cachedLeaves: 1 });
    const first = new Quadstore({ backend: (await machine.open()) as never, dataFactory });
    await first.open();
    await first.multiPut([fact('s0', 'p0', 'o0')]);
    await machine.db.checkpoint();
    machine.driver.poison(file, { offset: PAGE, length: PAGE });
    expect([file, await askQuadstore((await machine.open()) as unknown as Level)]).toEqual([file, wanted]);
    await machine.close();
  }
});
