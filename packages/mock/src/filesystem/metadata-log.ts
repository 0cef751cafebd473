/**
 * Metadata operations that a system call has completed and no commit has made durable: what power loss may take back.
 * They are journalled in order, so a crash keeps some first few of them and loses all later ones.
 */

interface LoggedChange {
  readonly inode: number;
  readonly undo: () => void;
}

export class MetadataLog {
  #changes: LoggedChange[] = [];

  /** Metadata operations that power loss may take back. */
  get length(): number {
    return this.#changes.length;
  }

  record(inode: number, undo: () => void): void {
    this.#changes.push({ inode, undo });
  }

  /** Joins all that `body` records into one operation, which happens whole or not at all. */
  atomically(inode: number, body: () => void): void {
    const before = this.#changes;
    this.#changes = [];
    body();
    const parts = this.#changes;
    this.#changes = before;
    if (parts.length === 0) return;
    this.record(inode, () => {
      for (const part of parts.reverse()) part.undo();
    });
  }

  /** True if the inode has changes that are not durable. */
  concerns(inode: number): boolean {
    return this.#changes.some((change) => change.inode === inode);
  }

  commit(): void {
    if (this.#changes.length > 0) this.#changes = [];
  }

  /** Keeps the first `count` changes and undoes the rest, newest first. */
  keep(count: number): void {
    for (const change of this.#changes.splice(count).reverse()) change.undo();
    this.#changes = [];
  }
}
