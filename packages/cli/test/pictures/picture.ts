/** What a terminal shows, as a picture for the documentation: SVG with text in it. */

const ROW_HEIGHT = 18;
const SIGN_WIDTH = 8.4;
const MARGIN = 14;
/** Colours of the terminal by their number; bold and dim are styles. */
const STYLES: Readonly<Record<string, string>> = {
  '1': 'font-weight="bold"',
  '2': 'fill="#8b949e"',
  '31': 'fill="#ff7b72"',
  '32': 'fill="#7ee787"',
  '33': 'fill="#e3b341"',
};

/** `shown` is all that the terminal got. Rows that were written over show their last text. */
export function pictureOf(command: string, shown: string): string {
  const rows = shown.replace(/\n+$/, '').split('\n').map(lastOf);
  const all = [`\u001b[1m$ ${command}\u001b[0m`, ...rows];
  const columns = Math.max(...all.map((row) => plain(row).length));
  const width = Math.ceil(columns * SIGN_WIDTH + 2 * MARGIN);
  const height = all.length * ROW_HEIGHT + 2 * MARGIN;
  const texts = all.map((row, i) => {
    const y = MARGIN + (i + 1) * ROW_HEIGHT - 5;
    return `<text x="${MARGIN}" y="${y}" xml:space="preserve">${spansOf(row)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(`$ ${command}`)}</title>`,
    `<rect width="${width}" height="${height}" rx="6" fill="#0d1117"/>`,
    '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="#e6edf3">',
    ...texts,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** What is left of a row: progress goes back to its beginning and erases it. */
function lastOf(row: string): string {
  // eslint-disable-next-line no-control-regex -- what a terminal gets
  return (row.split('\r').at(-1) ?? '').replaceAll(/\u001b\[\d*K/g, '');
}

function plain(row: string): string {
  // eslint-disable-next-line no-control-regex -- what a terminal gets
  return row.replaceAll(/\u001b\[\d*m/g, '');
}

function spansOf(row: string): string {
  let style = '';
  // eslint-disable-next-line no-control-regex -- what a terminal gets
  return row.split(/(\u001b\[\d*m)/).map((part) => {
    // eslint-disable-next-line no-control-regex -- what a terminal gets
    const code = /^\u001b\[(\d*)m$/.exec(part)?.[1];
    if (code === undefined) return style === '' ? escaped(part) : `<tspan ${style}>${escaped(part)}</tspan>`;
    style = STYLES[code] ?? '';
    return '';
  }).join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
