// Owns the commands as plain data, read from their definitions, for completion and docs/reference/commands.md.
import type { Command, Option } from 'commander';
import { examplesOf } from './commands/options.ts';
import type { Example } from './commands/options.ts';

/** One option. */
export interface OptionNode {
  /** `--sort <fields>`, as help shows it. */
  readonly flags: string;
  /** `--sort`, and the short form if any. */
  readonly names: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** Accepted values; empty = any. */
  readonly choices: readonly string[];
  /** The value is a path. */
  readonly isFile: boolean;
  readonly required: boolean;
  readonly defaultValue: string | null;
}

/** One argument. */
export interface ArgumentNode {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly choices: readonly string[];
  readonly isFile: boolean;
}

/** One command: the program, a noun, or a verb. */
export interface CommandNode {
  /** Words after `easgate`; empty = the program. */
  readonly path: readonly string[];
  readonly description: string;
  readonly options: readonly OptionNode[];
  readonly arguments: readonly ArgumentNode[];
  readonly examples: readonly Example[];
  readonly commands: readonly CommandNode[];
}

/** Reads a command and everything below it. */
export function commandTree(command: Command, path: readonly string[] = []): CommandNode {
  return {
    path,
    description: command.description(),
    options: command.options.map(optionNode),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      required: argument.required,
      choices: argument.argChoices ?? [],
      isFile: isFile(argument.name()),
    })),
    examples: examplesOf(command),
    commands: command.commands.map((below) => commandTree(below, [...path, below.name()])),
  };
}

function optionNode(option: Option): OptionNode {
  const value = option.flags.match(/[<[]([^>\]]+)[>\]]/)?.[1] ?? '';
  return {
    flags: option.flags,
    names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
    isFile: isFile(value),
    required: option.mandatory,
    defaultValue: typeof option.defaultValue === 'string' ? option.defaultValue : null,
  };
}

function isFile(name: string): boolean {
  return name === 'file' || name === 'cases';
}

/** A command and all its subcommands, depth first. */
export function allNodes(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap((below) => allNodes(below))];
}
