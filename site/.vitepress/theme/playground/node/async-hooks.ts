/** The page runs one repair at a time, and none inside another: nothing has to follow asynchronous calls. */
export class AsyncLocalStorage<Store> {
  getStore(): Store | undefined {
    return undefined;
  }

  disable(): void {
    // Nothing was enabled.
  }

  run<Result>(_store: Store, action: () => Result): Result {
    return action();
  }
}
