// Owns options that several commands share, and the examples below their help.
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

/** An option with several values: `blocked,quarantined`, or the option repeated. */
export function words(flags: string, description: string, choices?: readonly string[]): Option {
  const option = new Option(flags, description);
  // The choices are for help and completion; the use case checks the values, since commander would check the whole list as one.
  if (choices !== undefined) option.choices(choices);
  return option.argParser((text: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    ...text.split(',').map((word) => word.trim()),
  ]);
}

/** An option that takes yes or no; true and false mean the same. */
export function yesNo(flags: string, description: string): Option {
  return flagOption(flags, description, ['yes', 'no'], readYesNo);
}

/** Likewise, or unknown (null): nobody said. */
export function yesNoUnknown(flags: string, description: string): Option {
  return flagOption(flags, description, ['yes', 'no', 'unknown'], readYesNoUnknown);
}

/** The choices are for help and completion. */
function flagOption(
  flags: string,
  description: string,
  choices: string[],
  read: (text: string) => boolean | null,
): Option {
  const option = new Option(flags, description).argParser(read);
  option.argChoices = choices;
  return option;
}

/** @throws InvalidArgumentError */
function readYesNo(text: string): boolean {
  const value = YES_NO[text.toLowerCase()];
  if (value === undefined) throw new InvalidArgumentError('Write yes or no.');
  return value;
}

/** Reads yes, no or unknown. @throws InvalidArgumentError */
function readYesNoUnknown(text: string): boolean | null {
  if (text.toLowerCase() === 'unknown') return null;
  const value = YES_NO[text.toLowerCase()];
  if (value === undefined) throw new InvalidArgumentError('Write yes, no or unknown.');
  return value;
}

const YES_NO: Readonly<Record<string, boolean | undefined>> = {
  yes: true,
  true: true,
  no: false,
  false: false,
};

/** What `--relative` does. */
export const RELATIVE = 'times relative to now, e.g. 3d ago';

/** Adds the options of every list. `fields`: by which it can be sorted. */
export function addListOptions(command: Command, fields: readonly string[]): Command {
  return addOrder(command, fields)
    .option(
      '--after <cursor>',
      'the next page, with the same filters and order: a list with --limit names it',
    )
    .option('--relative', RELATIVE)
    .option('--json', 'one JSON document, with ISO times');
}

/** Adds the options for the order and the number of rows. */
export function addOrder(command: Command, fields: readonly string[]): Command {
  const sort = new Option('--sort <fields>', `order: ${fields.join(', ')}; with - in front: descending`);
  sort.argChoices = fields.flatMap((field) => [field, `-${field}`]);
  return command.addOption(sort).option('--limit <number>', 'maximum number of rows');
}

/** One example: the words after `easgate`, and their meaning. */
export type Example = readonly [command: string, meaning: string];

const examples = new WeakMap<Command, readonly Example[]>();

/** Shows examples below the help of a command. */
export function addExamples(command: Command, ...shown: Example[]): Command {
  examples.set(command, shown);
  return command.addHelpText('after', () => `\nExamples:\n${exampleLines(shown).join('\n')}`);
}

/** Width of help without a terminal, as in a pager. */
const PAGE_WIDTH = 80;

/** Meanings are beside the examples if there is room, else above them. */
function exampleLines(shown: readonly Example[]): string[] {
  const width = Math.max(...shown.map(([text]) => text.length));
  const beside = shown.map(([text, meaning]) => `  easgate ${text.padEnd(width)}  ${meaning}`.trimEnd());
  const room = process.stdout.columns ?? PAGE_WIDTH;
  if (beside.every((line) => line.length <= room)) return beside;
  return shown.flatMap(([text, meaning]) => [
    ...(meaning === '' ? [] : [`  # ${meaning}`]),
    `  easgate ${text}`,
  ]);
}

/** The examples of a command. */
export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? [];
}
