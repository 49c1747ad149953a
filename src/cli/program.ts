// Owns the easgate command: its definition, help and version, and the exit code of a failure.
import { Command, CommanderError } from 'commander';
import type { Option } from 'commander';
import { registerAdmin } from './commands/admin.ts';
import { registerDevices } from './commands/devices.ts';
import { registerDirectory } from './commands/directory.ts';
import { registerFeeds } from './commands/feeds.ts';
import { registerGateway } from './commands/gateway.ts';
import { registerExport } from './commands/export.ts';
import { registerJournal } from './commands/journal.ts';
import { registerImport } from './commands/import.ts';
import { registerPolicy } from './commands/policy.ts';
import { registerReports } from './commands/report.ts';
import { registerStore } from './commands/store.ts';
import { registerTools } from './commands/tools.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { defaultConfig } from './config-path.ts';
import { toned } from './output.ts';
import { REMOTE_COMMANDS } from './remote/commands.ts';
import { showTimes } from './time-text.ts';
import { readVersion } from '../program-version.ts';

const USAGE = 2;

/**
 * Defines every command. The work of a command is loaded only when it runs, so that commands start fast. Help, completion and
 * docs/reference/commands.md are generated from these definitions.
 */
export function defineProgram(): Command {
  const program = new Command('easgate');
  program
    .description('Exchange ActiveSync gateway')
    .usage('NOUN VERB [options]')
    .version(readVersion(), '--version', 'print the version')
    .option('--config <file>', `configuration file (default: ${defaultConfig()})`)
    .option(
      '--context <context>',
      'name of a context, or https://HOST of an admin API, with the token of EASGATE_TOKEN',
    )
    .hook('preAction', (_program, command) => {
      running = commandName(command);
      showTimes(command.opts<{ relative?: boolean }>());
      refuseRemote(command);
    })
    .helpOption('-h, --help', 'show help; examples too')
    .addHelpCommand(helpCommand())
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: (command) => (command.parent === null ? [] : program.options.filter(isGlobal)),
      subcommandTerm: (command) => command.name(),
      subcommandDescription: (command) => `${command.description()}${verbsOf(command)}`,
      optionDescription,
      styleTitle: (title) => toned('heading', title),
    })
    .configureOutput({
      outputError: (text, write) => write(`easgate: ${usageText(text)}`),
    })
    .showHelpAfterError('(--help behind the command shows examples)')
    .exitOverride();
  program.commandsGroup('Gateway:');
  registerGateway(program);
  program.commandsGroup('Look and decide:');
  registerDevices(program);
  registerDirectory(program);
  registerPolicy(program);
  registerJournal(program);
  registerReports(program);
  registerImport(program);
  registerExport(program);
  registerFeeds(program);
  registerStore(program);
  registerAdmin(program);
  program.commandsGroup('Tools:');
  registerTools(program);
  for (const noun of program.commands) noun.helpCommand(false);
  return program.addHelpText(
    'after',
    '\nMore, and examples: easgate NOUN --help, easgate NOUN VERB --help. All commands: docs/reference/commands.md.',
  );
}

/** The command that runs, for the text of its failure. */
let running = '';

/** A wrong usage with its code. Whoever types `unblock` means the verb that removes the decision, not the one spelled alike. */
function usageText(text: string): string {
  const coded = text.replace(/^error: /, 'EASGATE_USAGE: ');
  return coded.includes("'unblock'")
    ? coded.replace('(Did you mean block?)', '(Did you mean clear?)')
    : coded;
}

function helpCommand(): Command {
  return new Command('help')
    .argument('[command]')
    .description('show help of a command')
    .helpOption(false)
    .helpGroup('Tools:');
}

/** Whether the option is accepted after every command. */
function isGlobal(option: Option): boolean {
  return option.long === '--config' || option.long === '--context';
}

/** Another command would silently work on this machine. @throws ProgramError */
function refuseRemote(command: Command): void {
  if (command.optsWithGlobals<{ context?: string }>().context === undefined) return;
  const name = commandName(command);
  if (Object.hasOwn(REMOTE_COMMANDS, name)) return;
  throw new ProgramError(
    'EASGATE_CONTEXT_COMMAND',
    `${name} does not work with --context: run it on the machine of the gateway`,
  );
}

/** `devices list`: the words of a command without `easgate`. */
export function commandName(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null
    ? command.name()
    : `${commandName(parent)} ${command.name()}`;
}

/** ` (list, show, …)`, appended to the description of a noun. */
function verbsOf(command: Command): string {
  const verbs = command.commands.map((verb) => verb.name());
  return verbs.length === 0 ? '' : ` (${verbs.join(', ')})`;
}

/** The description with choices and default; that of `--sort` already lists its fields. */
function optionDescription({ long, description, argChoices, defaultValue }: Option): string {
  const choices = long === '--sort' ? undefined : argChoices;
  const more = [
    ...(choices === undefined ? [] : [choices.join(', ')]),
    ...(typeof defaultValue === 'string' ? [`default: ${defaultValue}`] : []),
  ];
  return more.length === 0 ? description : `${description} (${more.join('; ')})`;
}

/** Internal commands that `serve` starts. */
const WORKER = 'worker';
const CONTROL = 'control';

/** Runs one command; the exit code is set, or the process ended. Never rejects. */
export async function runProgram(arguments_: readonly string[]): Promise<void> {
  toleratePipes();
  try {
    if (arguments_[0] === WORKER && process.send !== undefined)
      (await import('../worker/worker.ts')).runWorker();
    else if (arguments_[0] === CONTROL && process.send !== undefined)
      (await import('../control/control.ts')).runControl();
    else await defineProgram().parseAsync([...arguments_], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE;
      return;
    }
    const { exitCodeOf, failureText } = await import('./failure.ts');
    process.stderr.write(`easgate: ${failureText(error, running)}\n`);
    // A failed start may leave sockets and a store open, which would keep the process running. Output to pipes and files is already
    // written (it is synchronous on POSIX).
    process.exit(exitCodeOf(error));
  }
}

/** The message about standard output that cannot be written to its end. The other work of the command goes on. */
function lostOutput({ code, message }: NodeJS.ErrnoException): string {
  const words =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'the disk of the file that standard output goes to is full: free space there'
      : message;
  return `the output is not complete: ${words}. The other work of the command is done`;
}

/** Ignores a closed pipe (`| head`): the command finishes its work. */
function toleratePipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
      if (stream === process.stdout) process.stderr.write(`easgate: EASGATE_OUTPUT: ${lostOutput(error)}\n`);
      process.exitCode = 1;
    });
}
