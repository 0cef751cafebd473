/** The views of one open file: made, verified against what the file says, and released when it closes. */
import { requireFunction, requireRange } from '../arguments.js';
import type { DriverView } from '../driver/memory.js';
import type { OpenState } from '../opening/open-state.js';
import type { ByteRange } from '../ranges/byte-range.js';
import type { ViewFile } from './view.js';
import { PmemView, requireViewable, viewError } from './view.js';

export class Views {
  readonly #state: OpenState;
  /** Views are released when the file closes; until then their own users keep them, not the file. */
  readonly #open = new Set<WeakRef<DriverView>>();
  readonly #collected = new FinalizationRegistry<WeakRef<DriverView>>((view) => this.#open.delete(view));

  constructor(state: OpenState) {
    this.#state = state;
  }

  /** See PmemFile.view(). */
  view(range: ByteRange): PmemView {
    const state = this.#state;
    state.assertOpen();
    const { offset, length } = requireRange('range', range, state.sizeBytes);
    requireViewable({ offset, length }, state.file.facts.pageBytes);
    state.faultPath.requireNothingKnown({ offset, length });
    const outcome = state.file.view(offset, length);
    if ('failure' in outcome) throw viewError(outcome.failure, state.path, { offset, length });
    const { view } = outcome;
    const reference = new WeakRef(view);
    this.#open.add(reference);
    this.#collected.register(view, reference, reference);
    const file: ViewFile = {
      verifyView: (...asked) => { this.#verify(...asked); },
      // A view may outlive the file: nothing else of it has to.
      forgetView: () => {
        this.#open.delete(reference);
        this.#collected.unregister(reference);
      },
    };
    return new PmemView(file, view, { offset, length });
  }

  /** See PmemFile.withView(). */
  withView<Result>(range: ByteRange, read: (view: PmemView) => Result): Result {
    requireFunction('read', read);
    const view = this.view(range);
    let result: Result;
    try {
      try {
        result = read(view);
      } finally {
        // Throws in the place of anything that `read` has thrown.
        view.verify();
      }
    } finally {
      view.release();
    }
    if (result instanceof Promise) throw new TypeError('read returned a promise, but the view ends with the call');
    return result;
  }

  releaseAll(): void {
    for (const view of this.#open) view.deref()?.release();
    this.#open.clear();
  }

  #verify(view: DriverView, range: ByteRange): void {
    const state = this.#state;
    state.assertOpen();
    const inDoubt = { position: range.offset, length: range.length, signalCode: 0 };
    const faults = view.faulted ? (view.faults() ?? [inDoubt]) : [];
    if (faults.length > 0 || !state.unsafe.isEmpty) state.faultPath.requireViewed(range, faults);
    state.faultPath.requireInFile('view', range);
  }
}
