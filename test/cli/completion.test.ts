// Owns the promises of the completion scripts: what real shells complete with them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allNodes, commandTree } from '../../src/cli/command-tree.ts';
import { completionScript } from '../../src/cli/completion.ts';
import { defineProgram } from '../../src/cli/program.ts';
import { FISH, ZSH, mayUse } from '../support/programs.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-completion-'));
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    writeFileSync(join(folder, `easgate.${shell}`), completionScript(defineProgram(), shell));
  writeFileSync(join(folder, 'easgate.yaml'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What bash offers after these words; the last one is being typed. */
function inBash(...words: string[]): string[] {
  const script = `
    source ./easgate.bash
    COMP_WORDS=(easgate "$@")
    COMP_CWORD=$#
    _easgate
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], {
    cwd: folder,
    encoding: 'utf8',
  });
  return out.split('\n').filter((line) => line !== '');
}

/** What fish offers after a command line. */
function inFish(line: string): string[] {
  const script = `source ./easgate.fish; complete -C ${JSON.stringify(line)}`;
  const out = execFileSync('fish', ['--no-config', '-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
  });
  return out
    .split('\n')
    .filter((row) => row !== '')
    .map((row) => row.split('\t')[0] ?? '');
}

/** What zsh offers: the builtins that show completions are replaced by functions that print them. */
function inZsh(...words: string[]): string[] {
  const script = `
    compdef() { :; }
    compset() { :; }
    compadd() { shift; print -rl -- "$@"; }
    _describe() { print -rl -- "\${(@P)2}"; }
    _files() { print -rl -- *; }
    source ./easgate.zsh
    words=(easgate "$@")
    CURRENT=$#words
    _easgate`;
  const out = execFileSync('zsh', ['-f', '-c', script, 'zsh', ...words], { cwd: folder, encoding: 'utf8' });
  return out.split('\n').filter((line) => line !== '');
}

describe('completion in bash', () => {
  it('offers every noun', () => {
    const nouns = defineProgram().commands.map((command) => command.name());
    expect(inBash('')).toEqual(nouns);
  });

  it('offers verbs after a noun', () => {
    expect(inBash('devices', 'l')).toEqual(['list']);
    expect(inBash('wbxml', '')).toEqual(['decode', 'encode']);
  });

  it('offers the options of a verb, and --config and --help everywhere', () => {
    expect(inBash('devices', 'list', '--s')).toEqual(['--state', '--seen', '--search', '--sort']);
    for (const words of [[], ['serve'], ['decisions', 'list']])
      expect(inBash(...words, '--')).toEqual(expect.arrayContaining(['--config', '--help']));
  });

  it('offers the values of an option, also the next of several', () => {
    expect(inBash('devices', 'list', '--state', 'b')).toEqual(['blocked']);
    expect(inBash('devices', 'list', '--state', 'blocked,q')).toEqual(['blocked,quarantined']);
    expect(inBash('devices', 'list', '--sort', '-last')).toEqual([
      '-lastSeen',
      '-lastAllowed',
      '-lastCheckIn',
    ]);
    expect(inBash('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('offers nothing for a free-form value', () => {
    expect(inBash('devices', 'block', 'PHONE1', '--reason', '')).toEqual([]);
  });

  it('offers files where a file is expected', () => {
    expect(inBash('--config', 'easgate.y')).toEqual(['easgate.yaml']);
    expect(inBash('check', 'easgate.y')).toEqual(['easgate.yaml']);
  });

  it('does not mistake the value of an option for a command', () => {
    expect(inBash('--config', 'devices', 'partnerships', '')).toEqual(['list']);
  });
});

describe.runIf(mayUse(ZSH))('completion in zsh', () => {
  it('offers verbs with their descriptions, options, values and files', () => {
    expect(inZsh('wbxml', '')).toEqual([
      'decode:WBXML on stdin (hex, base64 or binary) to XML',
      'encode:XML on stdin to WBXML',
    ]);
    expect(inZsh('devices', 'list', '--')).toContain('--limit:maximum number of rows');
    expect(inZsh('devices', 'list', '--managed', '')).toEqual(['yes', 'no', 'unknown']);
    expect(inZsh('--config', 'devices', 'partnerships', '').map((line) => line.split(':')[0])).toEqual([
      'list',
    ]);
    expect(inZsh('check', '')).toContain('easgate.yaml');
  });
});

describe.runIf(mayUse(FISH))('completion in fish', () => {
  it('offers verbs, options, values and files', () => {
    expect(inFish('easgate wbxml ').sort()).toEqual(['decode', 'encode']);
    expect(inFish('easgate devices list --lim')).toEqual(['--limit']);
    expect(inFish('easgate devices list --managed ').sort()).toEqual(['no', 'unknown', 'yes']);
    expect(inFish('easgate --config devices partnerships ')).toEqual(['list']);
    expect(inFish('easgate check easgate.y')).toEqual(['easgate.yaml']);
  });
});

describe.each(['bash', 'zsh', 'fish'] as const)('the script for %s', (shell) => {
  it('knows every command and every option', () => {
    const script = completionScript(defineProgram(), shell);
    const nodes = allNodes(commandTree(defineProgram()));
    const names = nodes.flatMap((node) => node.options.flatMap((option) => option.names));
    const missing = [...nodes.map((node) => node.path.join(' ')), ...names].filter(
      (word) => !script.includes(shell === 'fish' ? word.replace(/^--?/, '') : word),
    );
    expect(nodes.length).toBeGreaterThan(30);
    expect(missing).toEqual([]);
  });
});
