/** A page that is being filled in memory: fragments are encoded once, where they will lie in the file. */
import { encodeFragment, encodePageHeader, identitySeed, markCommitEnd } from '../format/data-page.js';
import type { Fragment, PageHeader } from '../format/data-page.js';
import {
  COMMIT_END, FRAGMENT_HEADER_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES, eraMark, fragmentSpanBytes, getUint48, viewOf,
} from '../format/format.js';

/** A fragment, but for the era in which it is stored. */
export type RecordPiece = Omit<Fragment, 'era'>;

export class FillingPage {
  readonly pageNumber: number;
  readonly image: Uint8Array;
  readonly #view: DataView;
  readonly #seed: number;
  readonly #era: number;
  /** The first byte that is not committed, and the end of what is encoded. */
  from: number;
  to: number;
  /** Position of the fragment that was encoded last; undefined if none was. */
  #lastAt: number | undefined;

  private constructor(pageNumber: number, image: Uint8Array, era: number, from: number, to: number) {
    this.pageNumber = pageNumber;
    this.image = image;
    this.#view = viewOf(image);
    this.#seed = identitySeed(image);
    this.#era = eraMark(era);
    this.from = from;
    this.to = to;
  }

  /** A new page, filled in `era`; `image` has to be zeros. */
  static open(header: PageHeader, image: Uint8Array, era: number): FillingPage {
    encodePageHeader(image, header);
    return new FillingPage(header.pageNumber, image, era, 0, PAGE_HEADER_BYTES);
  }

  /** A page of which the first `committedBytes` bytes are in the file; the rest is zeros. */
  static continue(pageNumber: number, image: Uint8Array, era: number, committedBytes: number): FillingPage {
    return new FillingPage(pageNumber, image, era, committedBytes, committedBytes);
  }

  /** Bytes that are free after what is encoded. */
  get roomBytes(): number {
    return PAGE_BYTES - this.to;
  }

  /** Adds the piece at `offset` of a record of `recordBytes`. */
  add(sequence: number, recordBytes: number, offset: number, payload: Uint8Array): void {
    const fragment = { sequence, era: this.#era, recordBytes, offset, payload };
    this.#lastAt = this.to;
    this.to = encodeFragment(this.image, this.to, fragment, this.#view, this.#seed);
  }

  /** Marks what is encoded as the last of a commit with a near slot only. */
  endCommit(): void {
    if (this.#lastAt !== undefined) markCommitEnd(this.image, this.#lastAt, this.#view, this.#seed);
  }

  /** Forgets what is not committed. */
  rewind(): void {
    this.image.fill(0, this.from, this.to);
    this.to = this.from;
    this.#lastAt = undefined;
  }

  /** The fragments that are not committed, as views of the image. */
  *uncommitted(): Generator<RecordPiece, void, undefined> {
    const view = this.#view;
    for (let at = Math.max(this.from, PAGE_HEADER_BYTES); at < this.to; ) {
      const length = view.getUint16(at + 4, true) & ~COMMIT_END;
      const start = at + FRAGMENT_HEADER_BYTES;
      yield {
        sequence: getUint48(view, at + 8),
        recordBytes: view.getUint32(at + 16, true),
        offset: view.getUint32(at + 20, true),
        payload: this.image.subarray(start, start + length),
      };
      at += fragmentSpanBytes(length);
    }
  }
}
