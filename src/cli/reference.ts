// Owns docs/reference/commands.md, generated from the definitions of the commands.
import type { Command } from 'commander';
import { allNodes, commandTree } from './command-tree.ts';
import type { ArgumentNode, CommandNode, OptionNode } from './command-tree.ts';

/** Every command with its arguments, options and examples, as Markdown. */
export function commandsReference(program: Command): string {
  const tree = commandTree(program);
  const nouns = tree.commands.map(
    (noun) => `| \`${noun.path.join(' ')}\` | ${wordsOf(noun)} | ${cell(noun.description)} |`,
  );
  const sections = allNodes(tree)
    .filter((node) => node !== tree)
    .flatMap((node) => section(node));
  return [
    '# Commands',
    '',
    'This page is made from the definitions of the commands (`easgate check --commands`). One grammar: `easgate NOUN VERB`; what',
    'concerns one gateway or one file has no noun. `--help` behind any of them shows the same.',
    '',
    '| command | verbs | |',
    '| --- | --- | --- |',
    ...nouns,
    '',
    '## For all of them',
    '',
    '* `--config FILE`, in front of the command or behind it: the configuration file. Default: EASGATE_CONFIG, else config/easgate.yaml.',
    '* Exit codes: 0 done; 1 failed, with `easgate: CODE: text` on standard error (errors.md); 2 wrong usage.',
    '* Lists take filters, all of which must hold; texts compare without case, and `*` and `?` stand for any text and any character.',
    '  `--sort -lastSeen,user` orders, `-` in front puts the largest first, and what is not known comes last. `--json` prints an array.',
    '* Times go in as lengths (`90s`, `30m`, `12h`, `7d`, `1w`, `1d12h`) or ISO dates (`2026-12-31`, `2026-12-31T18:00`, both in UTC, or with',
    '  an offset) and come out as ISO in UTC, with `--relative` as lengths. Commands that show how something is now (`status`, `feeds`) print',
    '  lengths.',
    '* On a terminal, tables fit its width: free text is cut first, then columns are left out and named below. In a pipe or a file',
    '  nothing is cut. Colour is used on a terminal alone; NO_COLOR turns it off.',
    '',
    ...sections,
  ].join('\n');
}

function wordsOf({ commands, arguments: named }: CommandNode): string {
  if (commands.length > 0) return commands.map(({ path }) => path.at(-1)).join(', ');
  return named.length === 0 ? '-' : `\`${named.map(argumentText).join(' ')}\``;
}

function argumentText({ name, required }: ArgumentNode): string {
  return required ? `<${name}>` : `[${name}]`;
}

function section(node: CommandNode): string[] {
  const { path, description, arguments: named, options, examples, commands } = node;
  const usage = ['easgate', ...path, ...named.map(argumentText)].join(' ');
  const title = path.length === 1 ? '##' : '###';
  // A noun has no action of its own: its verbs follow.
  if (commands.length > 0) return [`${title} easgate ${path.join(' ')}`, '', sentence(description), ''];
  return [
    `${title} ${usage}`,
    '',
    sentence(description),
    '',
    ...(options.length === 0 ? [] : ['| option | |', '| --- | --- |', ...options.map(optionRow), '']),
    ...(examples.length === 0 ? [] : [...exampleLines(examples), '']),
  ];
}

function exampleLines(examples: CommandNode['examples']): string[] {
  const width = Math.max(...examples.map(([text]) => text.length));
  return examples.map(
    ([text, meaning]) => `    easgate ${meaning === '' ? text : `${text.padEnd(width)}  # ${meaning}`}`,
  );
}

function optionRow({ flags, description, choices, required, defaultValue }: OptionNode): string {
  const values = choices.length === 0 || flags.startsWith('--sort') ? '' : ` (${choices.join(', ')})`;
  const must = required ? '; required' : '';
  const otherwise = defaultValue === null ? '' : `; default: ${defaultValue}`;
  return `| \`${flags}\` | ${cell(description)}${values}${must}${otherwise} |`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
