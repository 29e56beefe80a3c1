/** `completion`: prints the completion script of a shell, made from the commands themselves. */
import { Argument, Command } from 'commander';
import type { Io } from '../io.ts';

/** A command as a shell sees it. */
interface Node {
  /** Words after `podns`: `ns ls`; '' for podns itself. */
  path: string;
  description: string;
  children: Node[];
  options: { flag: string; description: string; takesValue: boolean; choices: readonly string[] }[];
}

const SCRIPTS: Record<string, (root: Node) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** The command calls `program` only when it runs, because the program contains this command too. */
export function completionCommand(io: Io, program: () => Promise<Command>): Command {
  return new Command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
    .action(async (shell: string) => io.out(SCRIPTS[shell]!(nodeOf(await program(), ''))));
}

function nodeOf(command: Command, path: string): Node {
  return {
    path,
    description: command.description(),
    children: command.commands.map((child) => nodeOf(child, `${path} ${child.name()}`.trim())),
    options: command.options
      .filter((option) => !option.hidden)
      .flatMap((option) =>
        [option.short, option.long]
          .filter((flag) => flag !== undefined)
          .map((flag) => ({
            flag,
            description: option.description,
            takesValue: option.required || option.optional,
            choices: option.argChoices ?? [],
          })),
      )
      .concat([{ flag: '--help', description: 'show this help', takesValue: false, choices: [] }]),
  };
}

function allNodes(node: Node): Node[] {
  return [node, ...node.children.flatMap(allNodes)];
}

/** The text in single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function wordsOf(node: Node): string[] {
  return [
    ...node.children.map((child) => child.path.split(' ').at(-1)!),
    ...node.options.map(({ flag }) => flag),
  ];
}

/** The `case` arms that bash and zsh share: the paths of commands, the choices of an option, the words after a path. */
function arms(
  root: Node,
  assign: (words: readonly string[]) => string,
): Record<'grow' | 'choices' | 'words', string> {
  const nodes = allNodes(root);
  const choices = nodes.flatMap(({ path, options }) =>
    options
      .filter((option) => option.choices.length > 0)
      .map((option) => `    ${quoted(`${path} ${option.flag}`.trim())}) ${assign(option.choices)} ;;`),
  );
  return {
    grow: nodes
      .filter(({ path }) => path !== '')
      .map(({ path }) => quoted(path))
      .join('|'),
    choices: choices.join('\n'),
    words: nodes.map((node) => `      ${quoted(node.path)}) ${assign(wordsOf(node))} ;;`).join('\n'),
  };
}

function bashScript(root: Node): string {
  const { grow, choices, words } = arms(root, (given) => `words=${quoted(given.join(' '))}`);
  return `# bash completion for podns
_podns() {
  local path= words= word next
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path }$word"
    case "$next" in
      ${grow}) path=$next ;;
    esac
  done
  case "\${path:+$path }$previous" in
${choices}
    *) case "$path" in
${words}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _podns podns
`;
}

/** Avoids the variables `path` and `words`, which zsh reserves. */
function zshScript(root: Node): string {
  const { grow, choices, words } = arms(root, (given) => `offered=(${given.map(quoted).join(' ')})`);
  return `#compdef podns
# zsh completion for podns
_podns() {
  local route= next i
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    next="\${route:+$route }\${words[i]}"
    case "$next" in
      ${grow}) route=$next ;;
    esac
  done
  case "\${route:+$route }\${words[CURRENT-1]}" in
${choices}
    *) case "$route" in
${words}
    esac ;;
  esac
  compadd -- $offered
  _files
}
if [[ \${funcstack[1]} == _podns ]]; then _podns "$@"; else compdef _podns podns; fi
`;
}

function fishScript(root: Node): string {
  const lines = ['# fish completion for podns'];
  for (const node of allNodes(root)) {
    const seen = node.path.split(' ').filter((word) => word !== '');
    const names = node.children.map((child) => child.path.split(' ').at(-1)!);
    const condition =
      seen.length === 0
        ? '__fish_use_subcommand'
        : [
            ...seen.map((word) => `__fish_seen_subcommand_from ${word}`),
            ...(names.length > 0 ? [`not __fish_seen_subcommand_from ${names.join(' ')}`] : []),
          ].join('; and ');
    const base = `complete -c podns -n ${quoted(condition)}`;
    for (const [index, child] of node.children.entries()) {
      lines.push(`${base} -f -a ${names[index]} -d ${quoted(child.description)}`);
    }
    for (const { flag, description, takesValue, choices } of node.options) {
      const name = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : '';
      lines.push(`${base} ${name}${value} -d ${quoted(description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
