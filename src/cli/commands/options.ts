// Owns options that several commands share, and the examples below their help.
import { Option } from 'commander';
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

/** Adds the options of every list. `fields`: by which it can be sorted. */
export function addListOptions(command: Command, fields: readonly string[]): Command {
  return addOrder(command, fields)
    .option(
      '--after <cursor>',
      'the next page, with the same filters and order: a list with --limit names it',
    )
    .option('--relative', 'times relative to now, e.g. 3d ago')
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
