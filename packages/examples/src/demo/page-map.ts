/** A picture of a file, one character a page. */
import type { ByteRange, PmemFile } from '@safe-pmem/core';
import { PmemError } from '@safe-pmem/core';
import type { Role, WalRepairReport } from '../wal/index.js';
import type { Colour, Screen } from './screen.js';

const PAGE_BYTES = 4096;
const PAGES_PER_ROW = 64;

export type PageState = 'header' | 'records' | 'free' | 'poisoned' | 'lost' | 'rebuilt';

const looks: Record<PageState, readonly [symbol: string, colour: Colour, meaning: string]> = {
  header: ['H', 'blue', 'header copy'],
  records: ['■', 'green', 'records, healthy'],
  free: ['·', 'dim', 'free'],
  poisoned: ['X', 'red', 'poisoned: any access is a SIGBUS'],
  lost: ['?', 'yellow', 'lost: reads throw ERR_PMEM_LOST'],
  rebuilt: ['+', 'cyan', 'rebuilt'],
};

/** Classifies a page that can be read, by its number and its bytes. */
export type KindOf = (page: number, bytes: Uint8Array) => PageState;

/** Returns the state of each page, which it looks at as any program may with PmemFile. Default: the pages of a log. */
export function statesOf(file: PmemFile, kindOf: KindOf = kindInLog(file)): PageState[] {
  const count = Math.floor(file.size / PAGE_BYTES);
  return Array.from({ length: count }, (_, page) => {
    try {
      // No page is copied, and what a view shows is believed only if every load of it went well.
      return file.withView({ offset: page * PAGE_BYTES, length: PAGE_BYTES }, (bytes) => kindOf(page, bytes));
    } catch (error) {
      if (!(error instanceof PmemError)) throw error;
      return error.code === 'ERR_PMEM_LOST' ? 'lost' : 'poisoned';
    }
  });
}

function kindInLog(file: PmemFile): KindOf {
  const last = Math.floor(file.size / PAGE_BYTES) - 1;
  return (page, bytes) => {
    if (page === 0 || page === last) return 'header';
    return bytes.every((byte) => byte === 0) ? 'free' : 'records';
  };
}

/** Marks the pages that lie in `ranges`. */
export function markRebuilt(states: readonly PageState[], ranges: readonly ByteRange[]): PageState[] {
  const marked = [...states];
  for (const { offset, length } of ranges) {
    for (let page = Math.floor(offset / PAGE_BYTES); page * PAGE_BYTES < offset + length; page++) marked[page] = 'rebuilt';
  }
  return marked;
}

/** Returns the pages that a repair of a log has rebuilt in the file of this role. */
export function rebuiltIn(report: WalRepairReport, role: Role): ByteRange[] {
  return report.rebuilt.filter((page) => page.role === role).map(({ range }) => range);
}

export function drawMap(screen: Screen, title: string, states: readonly PageState[]): void {
  screen.line(`${title}: ${states.length} pages of 4 KiB`, 'bold');
  for (let start = 0; start < states.length; start += PAGES_PER_ROW) {
    screen.line(`${String(start).padStart(5)} ${drawRow(screen, states.slice(start, start + PAGES_PER_ROW))}`);
  }
}

/** One colour code a run of equal pages, not one a page. */
function drawRow(screen: Screen, states: readonly PageState[]): string {
  let row = '';
  for (let start = 0, end = 0; start < states.length; start = end) {
    const state = states[start] as PageState;
    while (states[end] === state) end++;
    const [symbol, colour] = looks[state];
    row += screen.paint(colour, symbol.repeat(end - start));
  }
  return row;
}

/** Explains the symbols of these maps, with how many pages there are of each. */
export function drawLegend(screen: Screen, ...maps: readonly (readonly PageState[])[]): void {
  for (const [state, [symbol, colour, meaning]] of Object.entries(looks)) {
    const count = maps.flat().filter((other) => other === state).length;
    if (count > 0) screen.line(`      ${screen.paint(colour, symbol)} ${meaning} (${count})`);
  }
}
