/** The command line as commander reads it. */
import { Command } from 'commander';
import type { CommandSpec, OptionValues } from './command-specs.js';
import { COMMANDS } from './command-specs.js';
import { SHELLS } from './completion.js';
import type { Screen } from './surroundings.js';

/** A command line after parsing. */
export interface Asked {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly options: OptionValues;
}

const STATUS_TEXT = `Exit status: 0 healthy or done, 1 damaged, 2 cannot tell or not finished, 64 wrong usage.`;

/** `ask` is called with the command that the line names, `complete` with a shell that completion is asked for. */
export function programFor(
  version: string,
  screen: Screen,
  ask: (asked: Asked) => void,
  complete: (shell: string) => void,
): Command {
  const program = new Command('safe-pmem')
    .description('Finds, names, salvages and repairs media errors in files of persistent memory.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        screen.out(text);
      },
      writeErr: (text) => {
        screen.err(text);
      },
      getOutHelpWidth: () => screen.columns,
      getErrHelpWidth: () => screen.columns,
      getOutHasColors: () => screen.hasColor,
      getErrHasColors: () => screen.hasColor,
    })
    .addHelpText('after', `\n${STATUS_TEXT}\n\nExample:\n  $ safe-pmem check /mnt/pmem`)
    .helpCommand(false);
  for (const spec of COMMANDS) addCommand(program, spec, ask);
  program
    .command('completion')
    .description('print a completion script for a shell')
    .argument('<shell>', SHELLS.join(', '))
    .addHelpText('after', '\nExample:\n  $ source <(safe-pmem completion bash)')
    .action(complete);
  return program;
}

function addCommand(program: Command, spec: CommandSpec, ask: (asked: Asked) => void): void {
  const command = program.command(spec.name).summary(spec.summary).description(`${spec.summary}\n\n${spec.details}`);
  for (const { syntax, says } of spec.arguments) command.argument(syntax, says);
  for (const { flags, says, isRepeatable } of spec.options) {
    if (isRepeatable === true)
      command.option(flags, says, (value: string, before: string[]) => [...before, value], []);
    else command.option(flags, says);
  }
  command.option('--json', 'one JSON value a line, for machines');
  const examples = spec.examples
    .map(({ line, says }) => `  $ ${line}${says === '' ? '' : `   # ${says}`}`)
    .join('\n');
  command.addHelpText(
    'after',
    `\n${spec.examples.length > 1 ? 'Examples' : 'Example'}:\n${examples}\n\n${STATUS_TEXT}`,
  );
  command.action(() => {
    ask({ spec, args: command.args, options: command.opts() });
  });
}
