// Owns the promises that the documents name only existing commands, and that every command has help with examples.
import { readFileSync, readdirSync } from 'node:fs';
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { allNodes, commandTree } from '../../src/cli/command-tree.ts';
import { defineProgram } from '../../src/cli/program.ts';
import { commandsReference } from '../../src/cli/reference.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const tree = commandTree(defineProgram());
const nodes = allNodes(tree);

describe('docs/reference/commands.md', () => {
  it('is up to date (easgate check --commands)', () => {
    expect(read('docs/reference/commands.md')).toBe(commandsReference(defineProgram()));
  });
});

/** Command lines of easgate in a document, without shell syntax around them. */
function commandLines(path: string): string[] {
  const found = read(path).matchAll(
    /(?:^ {4}(?:\$ )?|`|&& |-- |easgate )easgate ((?:--config \S+ )?[a-z][^`\n]*)/gm,
  );
  return [...found].map(([, line = '']) => line);
}

const DOCUMENTS = [
  'README.md',
  ...readdirSync(new URL('docs/guide', root)).map((name) => `docs/guide/${name}`),
];

describe('the documents', () => {
  it.each(DOCUMENTS)('%s name only commands and options that exist', (path) => {
    const wrong = commandLines(path).filter((line) => !isCommand(line));
    expect(wrong).toEqual([]);
  });

  it('contain command lines to check', () => {
    expect(commandLines('docs/guide/daily-work.md').length).toBeGreaterThan(20);
  });
});

describe('the examples of help', () => {
  it('exist for every command and name only existing commands and options', () => {
    const without = nodes.filter((node) => node !== tree && node.examples.length === 0);
    expect(without.map(({ path }) => path.join(' '))).toEqual([]);
    const wrong = nodes
      .flatMap(({ examples }) => examples.map(([text]) => text))
      .filter((text) => !isCommand(text));
    expect(wrong).toEqual([]);
  });
});

/** Whether the words name a command, and every option belongs to it. */
function isCommand(line: string): boolean {
  const words = line.replace(/ {2,}.*| #.*|[<>|&].*/, '').split(/\s+/);
  let node = tree;
  for (const word of words.filter((one) => !one.startsWith('-'))) {
    const below = node.commands.find(({ path }) => path.at(-1) === word);
    if (below === undefined) break;
    node = below;
  }
  if (node === tree) return /^(list|NOUN|help)/.test(line);
  const known = [...node.options, ...tree.options].flatMap(({ names }) => names).concat('--help');
  const verbless = node.commands.length > 0 && !/\|/.test(line) && words.length > 1;
  const options = words.filter((word) => word.startsWith('--')).map((word) => word.replace(/[|,.;:)].*/, ''));
  return !verbless && options.every((option) => option === '--' || known.includes(option));
}

describe('help', () => {
  it.each(nodes.map(({ path }) => path))('of %s %s is whole and fits 80 columns', async (...path) => {
    const program = defineProgram();
    let out = '';
    const write = (text: string): unknown => (out += text);
    const redirect = (command: Command): void => {
      command.configureOutput({ writeOut: write, getOutHelpWidth: () => 80 });
      command.commands.forEach(redirect);
    };
    redirect(program);
    await expect(program.parseAsync([...path, '--help'], { from: 'user' })).rejects.toThrow(CommanderError);
    const [, options = '', examples = ''] = /([\s\S]*?)(\n(?:Examples|More)[\s\S]*|$)/.exec(out) ?? [];
    expect(options).toMatch(/^Usage: easgate/);
    expect(options.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(examples).not.toBe('');
  });
});
