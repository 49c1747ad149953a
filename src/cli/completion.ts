// Owns the completion scripts of shells, generated from the definitions of the commands. A script does not call easgate: it
// contains all words, options and values.
import type { Command } from 'commander';
import { allNodes, commandTree } from './command-tree.ts';
import type { CommandNode, OptionNode } from './command-tree.ts';

/** Supported shells. */
export type Shell = 'bash' | 'zsh' | 'fish';

/** The script for one shell. */
export function completionScript(program: Command, shell: Shell): string {
  const tree = commandTree(program);
  const render = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  return render(tree, allNodes(tree));
}

/** The options of a command, with the global `--config`. */
function optionsOf(node: CommandNode, tree: CommandNode): readonly OptionNode[] {
  const global = node === tree ? [] : tree.options.filter(({ names }) => names.includes('--config'));
  return [...node.options, ...global, HELP];
}

const HELP: OptionNode = {
  flags: '-h, --help',
  names: ['-h', '--help'],
  description: 'show help; examples too',
  takesValue: false,
  choices: [],
  isFile: false,
  required: false,
  defaultValue: null,
};

/** Options followed by a value, which must not be taken for a command. */
function valueOptions(nodes: readonly CommandNode[]): string[] {
  const names = nodes
    .flatMap(({ options }) => options)
    .filter(({ takesValue }) => takesValue)
    .flatMap((option) => option.names);
  return [...new Set(names)];
}

const pathOf = ({ path }: CommandNode): string => path.join(' ');
const longNames = (options: readonly OptionNode[]): string =>
  options.flatMap(({ names }) => names.filter((name) => name.startsWith('--'))).join(' ');
const verbsOf = ({ commands }: CommandNode): string => commands.map(({ path }) => path.at(-1)).join(' ');

/** Choices of the arguments of a command, e.g. the shells of `completion`. */
const argumentWords = (node: CommandNode): string =>
  node.arguments.flatMap(({ choices }) => choices).join(' ');
const takesFile = (node: CommandNode): boolean => node.arguments.some(({ isFile }) => isFile);

/** Case statements that bash and zsh share: the next state for each word, the words of each state, the values of options. */
function cases(
  tree: CommandNode,
  nodes: readonly CommandNode[],
): { steps: string; places: string; values: string } {
  const steps = nodes.slice(1).map((node) => {
    const above = node.path.slice(0, -1).join(' ');
    return `      '${above}|${node.path.at(-1)}') place='${pathOf(node)}' ;;`;
  });
  const places = nodes.map((node) => {
    const words = [verbsOf(node), argumentWords(node)].filter((text) => text !== '').join(' ');
    const files = takesFile(node) ? ' files=1' : '';
    return `    '${pathOf(node)}') words='${words}' options='${longNames(optionsOf(node, tree))}'${files} ;;`;
  });
  const values = nodes.flatMap((node) =>
    optionsOf(node, tree)
      .filter(({ takesValue }) => takesValue)
      .map(({ names, choices, isFile }) => {
        const found = isFile ? 'files=1' : `words='${choices.join(' ')}'`;
        return `    ${names.map((name) => `'${pathOf(node)}|${name}'`).join('|')}) value=1 ${found} ;;`;
      }),
  );
  return { steps: steps.join('\n'), places: places.join('\n'), values: values.join('\n') };
}

function bashScript(tree: CommandNode, nodes: readonly CommandNode[]): string {
  const { steps, places, values } = cases(tree, nodes);
  return `# bash completion of easgate; made by: easgate completion bash
_easgate() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local place='' words='' options='' files='' value='' index
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "\${COMP_WORDS[index]}" in
      ${valueOptions(nodes).join('|')}) index=$((index + 1)); continue ;;
    esac
    case "$place|\${COMP_WORDS[index]}" in
${steps}
    esac
  done
  case "$place|$previous" in
${values}
  esac
  if [ -z "$value" ]; then case "$place" in
${places}
  esac; fi
  COMPREPLY=()
  if [ -n "$value" ]; then
    # Several values stand behind one another, with commas between them: the last one is completed.
    local prefix="\${current%"\${current##*,}"}"
    COMPREPLY=($(compgen -P "$prefix" -W "$words" -- "\${current##*,}"))
  elif [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
  if [ -n "$files" ] && [[ "$current" != -* ]]; then
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -F _easgate easgate
`;
}

function zshScript(tree: CommandNode, nodes: readonly CommandNode[]): string {
  const { steps, places, values } = cases(tree, nodes);
  const described = nodes
    .flatMap((node) => {
      const verbs = node.commands.map((below) => ({
        name: below.path.at(-1) ?? '',
        text: below.description,
      }));
      const options = optionsOf(node, tree).map(({ names, description }) => ({
        name: names.at(-1) ?? '',
        text: description,
      }));
      return [...verbs, ...options].map(({ name, text }) => [`${pathOf(node)}|${name}`, text] as const);
    })
    .map(([key, text]) => `    ${zshQuoted(key)} ${zshQuoted(text)}`);
  return `#compdef easgate
# zsh completion of easgate; made by: easgate completion zsh
_easgate() {
  local current="\${words[CURRENT]}" previous="\${words[CURRENT-1]}"
  local -a line=("\${words[@]}") shown
  local place='' words='' options='' files='' value='' index word
  local -A texts=(
${described.join('\n')}
  )
  for ((index = 2; index < CURRENT; index++)); do
    case "\${line[index]}" in
      ${valueOptions(nodes).join('|')}) index=$((index + 1)); continue ;;
    esac
    case "$place|\${line[index]}" in
${steps}
    esac
  done
  case "$place|$previous" in
${values}
  esac
  if [[ -z "$value" ]]; then case "$place" in
${places}
  esac; fi
  if [[ -n "$value" ]]; then
    # Several values stand behind one another, with commas between them: the last one is completed.
    compset -P '*,'
    [[ -n "$words" ]] && compadd -- \${=words}
  else
    [[ "$current" == -* ]] && words="$options"
    for word in \${=words}; do
      shown+=("\${word//:/\\\\:}:\${texts[$place|$word]}")
    done
    (( $#shown )) && _describe 'easgate' shown
  fi
  [[ -n "$files" && "$current" != -* ]] && _files
  return 0
}
if [ "$funcstack[1]" = "_easgate" ]; then _easgate "$@"; else compdef _easgate easgate; fi
`;
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishScript(tree: CommandNode, nodes: readonly CommandNode[]): string {
  const steps = nodes.slice(1).map((node) => {
    const above = node.path.slice(0, -1).join(' ');
    return `      case '${above}|${node.path.at(-1)}'\n        set place '${pathOf(node)}'`;
  });
  const lines = nodes.flatMap((node) => {
    const at = `complete -c easgate -n "__easgate_at '${pathOf(node)}'"`;
    const verbs = node.commands.map(
      (below) => `${at} -f -a ${below.path.at(-1)} -d ${fishQuoted(below.description)}`,
    );
    const words = argumentWords(node);
    const values = words === '' ? [] : [`${at} -f -a '${words}'`];
    const files = takesFile(node) ? [`${at} -F`] : [];
    const options = optionsOf(node, tree).map((option) => {
      const names = option.names.map((name) =>
        name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
      );
      const choices = option.choices.length === 0 ? '' : ` -a '${option.choices.join(' ')}'`;
      const value = !option.takesValue ? '' : option.isFile ? ' -r -F' : ` -x${choices}`;
      return `${at} ${names.join(' ')}${value} -d ${fishQuoted(option.description)}`;
    });
    return [...verbs, ...values, ...files, ...options];
  });
  return `# fish completion of easgate; made by: easgate completion fish
function __easgate_at
  set -l place ''
  set -l skip ''
  for word in (commandline -opc)[2..-1]
    if test -n "$skip"
      set skip ''
      continue
    end
    if contains -- $word ${valueOptions(nodes).join(' ')}
      set skip 1
      continue
    end
    switch "$place|$word"
${steps.join('\n')}
    end
  end
  test "$place" = "$argv[1]"
end
complete -c easgate -f
${lines.join('\n')}
`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
