/** Every command, once: --help, shell completion, the man page and docs/reference/cli.md are made from this list. */
import { check } from './commands/check.js';
import { info } from './commands/info.js';
import { journal } from './commands/journal.js';
import { map } from './commands/map.js';
import { repair } from './commands/repair.js';
import { report } from './commands/report.js';
import { salvage } from './commands/salvage.js';
import { scrub } from './commands/scrub.js';
import { watch } from './commands/watch.js';
import { who } from './commands/who.js';
import type { Context } from './context.js';
import type { ExitStatus } from './exit-status.js';
import { UsageError } from './exit-status.js';
import { parseBytes, parseRange } from './units.js';

/** The options of a command line: values as text, flags as true, repeatable options as lists. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface OptionSpec {
  /** `--rate <bytes>`; without a value it is a flag. */
  readonly flags: string;
  readonly says: string;
  readonly isRepeatable?: boolean;
}

export interface CommandSpec {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Says what it does, whether it writes, and what root would add. */
  readonly details: string;
  /** `<file>`, `[path...]`. */
  readonly arguments: readonly { readonly syntax: string; readonly says: string }[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly { readonly line: string; readonly says: string }[];
  run(context: Context, args: readonly string[], options: OptionValues): Promise<ExitStatus>;
}

const FILE = { syntax: '<file>', says: 'a file on a filesystem that can be mapped' };
const YES: OptionSpec = { flags: '--yes', says: 'do it; without this only the plan is shown' };

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'check',
    summary: 'which files are damaged, by the list of bad blocks that the kernel keeps',
    details:
      'Reads the list of the device and asks for the place of each file on it. Touches no data, writes nothing.' +
      ' If the device lists nothing, no file is looked at. Stays on the filesystem of each path. Files that ' +
      'this user may not read are counted, and make the answer "cannot tell": root may read them, and is told which ' +
      'bad blocks of no file are free space.',
    arguments: [{ syntax: '[path...]', says: 'files and directories; the current directory if there is none' }],
    options: [],
    examples: [{ line: 'safe-pmem check /mnt/pmem', says: 'every file of the filesystem' }],
    run: (context, paths) => check(context, paths.length === 0 ? ['.'] : paths),
  },
  {
    name: 'map',
    summary: 'a picture of a file: healthy, bad, lost, holes',
    details:
      'Draws what is known of the file without touching its data, and counts each kind of byte. Writes nothing.',
    arguments: [FILE],
    options: [{ flags: '--width <signs>', says: 'signs in a row; by default as many as the terminal has room for' }],
    examples: [{ line: 'safe-pmem map app.db', says: 'at the width of the terminal' }],
    run: (context, [path = ''], { width }) =>
      map(context, path, { width: numberOption(width, '--width', 1, 10_000) }),
  },
  {
    name: 'scrub',
    summary: 'read a file to find media errors that are not known yet',
    details:
      'Reads the file by pread(2), which consumes no poison on DAX, and skips what is known to be bad. Writes ' +
      'nothing. After ^C it says how far it came.',
    arguments: [FILE],
    options: [
      { flags: '--rate <bytes>', says: 'read at most so many bytes a second: 200M' },
      { flags: '--range <offset:length>', says: 'read only these bytes' },
    ],
    examples: [{ line: 'safe-pmem scrub app.db --rate 200M', says: 'beside a running application' }],
    run: (context, [path = ''], { rate, range }) =>
      scrub(context, path, {
        rate: typeof rate === 'string' ? positive(parseBytes(rate, '--rate'), '--rate') : undefined,
        range: typeof range === 'string' ? parseRange(range) : undefined,
      }),
  },
  {
    name: 'salvage',
    summary: 'copy all that can still be read, and list the rest beside the copy',
    details:
      'Writes the new file <copy> and, if anything is missing, <copy>.gaps.json. Replaces nothing. The copy ' +
      'gets its name when it is whole; after ^C or a kill nothing has it. Reads the file only.',
    arguments: [
      { syntax: '<file>', says: 'the damaged file' },
      { syntax: '<copy>', says: 'a name that no file has yet' },
    ],
    options: [
      { flags: '--fill <byte>', says: 'put this byte (0 to 255) into the gaps of the copy, instead of holes' },
    ],
    examples: [{ line: 'safe-pmem salvage app.db /backup/app.db', says: 'the gaps are in /backup/app.db.gaps.json' }],
    run: (context, [file = '', copy = ''], { fill }) =>
      salvage(context, file, copy, { fill: numberOption(fill, '--fill', 0, 255) }),
  },
  {
    name: 'repair',
    summary: 'make damaged bytes usable again: from a replica, with a fill, or recorded as lost',
    details:
      'Shows what it would do, and does it with --yes: under the lock that applications take, with a journal ' +
      'that makes an interrupted repair go on. Bytes that can still be read are kept. Needs write permission on' +
      ' the file, not root. Takes what the kernel lists, what earlier repairs left, and --range.',
    arguments: [FILE],
    options: [
      { flags: '--from <replica>', says: 'lost bytes come from the same place of this file' },
      { flags: '--fill <byte>', says: 'lost bytes become this byte, as data' },
      { flags: '--leave-lost', says: 'lost bytes are recorded, and read as ERR_PMEM_LOST until they are written' },
      { flags: '--range <offset:length>', says: 'these bytes as well, as scrub found them', isRepeatable: true },
      { flags: '--even-if-different', says: 'also if the replica differs in healthy bytes beside the damage' },
      YES,
    ],
    examples: [
      { line: 'safe-pmem repair app.db --from replica.db', says: 'what it would do' },
      { line: 'safe-pmem repair app.db --from replica.db --yes', says: 'do it' },
    ],
    run: (context, [path = ''], { from, fill, leaveLost, range, evenIfDifferent, yes }) =>
      repair(context, path, {
        from: typeof from === 'string' ? from : undefined,
        fill: numberOption(fill, '--fill', 0, 255),
        leaveLost: leaveLost === true,
        ranges: Array.isArray(range) ? (range as readonly string[]).map(parseRange) : [],
        evenIfDifferent: evenIfDifferent === true,
        yes: yes === true,
      }),
  },
  {
    name: 'who',
    summary: 'the file that a sector of a device belongs to',
    details:
      'Walks the filesystem that is mounted from the device and asks for the place of each file. Writes ' +
      'nothing. Files that this user may not read stay unnamed: root may read them, and is told of a sector in no ' +
      'file whether it is free.',
    arguments: [
      { syntax: '<device>', says: 'pmem0, /dev/pmem0 or 259:0' },
      { syntax: '<sector>', says: 'in units of 512 bytes from the start of the disk, as the kernel counts' },
    ],
    options: [],
    examples: [{ line: 'safe-pmem who pmem0 233', says: 'prints the file and the offset in it' }],
    run: (context, [device = '', sector = '']) => {
      if (!/^\d+$/.test(sector) || !Number.isSafeInteger(Number(sector) * 512)) {
        throw new UsageError(`<sector> must be a number, not '${sector}'`);
      }
      return who(context, device, Number(sector));
    },
  },
  {
    name: 'watch',
    summary: 'say when the kernel learns of an error, and when one is cleared',
    details:
      'Lists what is bad now, then waits, without waking up, and names the file of each change. Ends with ^C. ' +
      'Writes nothing, needs no privilege.',
    arguments: [{ syntax: '[path...]', says: 'files and directories; the current directory if there is none' }],
    options: [{ flags: '--count <events>', says: 'end after so many events' }],
    examples: [{ line: 'safe-pmem watch /mnt/pmem', says: 'until ^C' }],
    run: (context, paths, { count }) =>
      watch(context, paths.length === 0 ? ['.'] : paths, numberOption(count, '--count', 1, Number.MAX_SAFE_INTEGER)),
  },
  {
    name: 'info',
    summary: 'what is promised for a file here, and what is not',
    details:
      'DAX, how persist works, whether the list of bad blocks can be read, whether the device clears poison, ' +
      'huge pages, the repair journal. Writes nothing.',
    arguments: [FILE],
    options: [],
    examples: [{ line: 'safe-pmem info app.db', says: '' }],
    run: (context, [path = '']) => info(context, path),
  },
  {
    name: 'journal',
    summary: 'what earlier repairs of a file left pending or lost',
    details: 'Decodes the repair journal of the file and checks that it can be trusted. Writes nothing.',
    arguments: [FILE],
    options: [],
    examples: [{ line: 'safe-pmem journal app.db', says: '' }],
    run: (context, [path = '']) => journal(context, path),
  },
  {
    name: 'report',
    summary: "root: enter an error that was consumed into the kernel's list",
    details:
      'On buses other than that of ACPI the kernel does not list errors that programs meet, and without an ' +
      'entry it cannot clear them. Shows the sectors, and enters them with --yes, if the page cannot be read. ' +
      'Root only.',
    arguments: [FILE, { syntax: '<offset>', says: 'a byte of the page that met the error' }],
    options: [YES],
    examples: [{ line: 'safe-pmem report app.db 20480 --yes', says: 'then: safe-pmem repair' }],
    run: (context, [path = '', offset = ''], { yes }) =>
      report(context, path, parseBytes(offset, '<offset>'), yes === true),
  },
];

function numberOption(value: OptionValues[string], name: string, least: number, most: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`${name} must be a number from ${least} to ${most}, not '${value}'`);
}

function positive(value: number, name: string): number {
  if (value > 0) return value;
  throw new UsageError(`${name} must be above 0`);
}
