/** Asks for several things at once and takes the answers in their order, with at most `width` on their way. */
export async function* inOrder<Item, Answer>(
  items: Iterable<Item>,
  width: number,
  ask: (item: Item) => Promise<Answer> | Answer,
): AsyncGenerator<Answer> {
  const waiting: Promise<Answer>[] = [];
  try {
    for (const item of items) {
      const answer = ask(item);
      // An item that needs no waiting and has none before it takes no turn of the event loop: most files of a large
      // tree.
      if (!(answer instanceof Promise) && waiting.length === 0) {
        yield answer;
        continue;
      }
      const promise = Promise.resolve(answer);
      // The caller that takes it sees the failure; until then it is not unhandled.
      promise.catch(() => undefined);
      waiting.push(promise);
      if (waiting.length >= width) yield await (waiting.shift() as Promise<Answer>);
    }
    while (waiting.length > 0) yield await (waiting.shift() as Promise<Answer>);
  } finally {
    await Promise.allSettled(waiting);
  }
}
