/** `completion`: prints the completion script of a shell, made from the commands themselves. */
import { Argument, Command } from 'commander';
import { completionValues, VALUE_KINDS } from '../completion-values.ts';
import { CommandError, EXIT_USAGE } from '../exit.ts';
import { line, type Io } from '../io.ts';

/** A command as a shell sees it. */
interface Node {
  /** Words after `podns`: `ns ls`; '' for podns itself. */
  path: string;
  description: string;
  children: Node[];
  options: { flag: string; description: string; takesValue: boolean; offers: Offers }[];
  /** For the arguments. */
  offers: Offers;
}

/** Words that are known, and the kind of names that `completion values` prints. */
interface Offers {
  choices: readonly string[];
  values?: string;
}

const HELP = { flag: '--help', description: 'show this help', takesValue: false, offers: { choices: [] } };

/** The names that an option takes, and those of the argument of a command. */
const OPTION_VALUES: Record<string, string> = {
  '-n': 'namespaces',
  '--namespace': 'namespaces',
  '--vpc': 'vpcs',
};
const ARGUMENT_VALUES: Record<string, string> = {
  'ns ls': 'namespaces',
  'vpc ls': 'vpcs',
  'overlay ls': 'overlays',
  'network ls': 'overlays',
  'pod ls': 'pods',
  'service ls': 'services',
  'resolv-conf': 'pods',
};

const SCRIPTS: Record<string, (root: Node) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** The command calls `program` only when it runs, because the program contains this command too. */
export function completionCommand(io: Io, program: () => Promise<Command>): Command {
  return new Command('completion')
    .addArgument(
      new Argument('<shell>', 'the shell; the scripts use values').choices([
        ...Object.keys(SCRIPTS),
        'values',
      ]),
    )
    .addArgument(
      new Argument('[kind]', 'with values: the names to print, of the running server or ./zones').choices(
        Object.keys(VALUE_KINDS),
      ),
    )
    .action(async (shell: string, kind: string | undefined) => {
      if ((shell === 'values') !== (kind !== undefined))
        throw new CommandError(EXIT_USAGE, 'write completion bash, zsh or fish, or completion values KIND');
      if (kind === undefined) io.out(SCRIPTS[shell]!(nodeOf(await program(), '')));
      else for (const name of await completionValues(kind, io)) line(io, name);
    });
}

function nodeOf(command: Command, path: string): Node {
  const choices = command.registeredArguments[0]?.argChoices ?? [];
  const options = command.options
    .filter((option) => !option.hidden)
    .flatMap((option) =>
      [option.short, option.long]
        .filter((flag) => flag !== undefined)
        .map((flag) => ({
          flag,
          description: option.description,
          takesValue: option.required || option.optional,
          offers: { choices: option.argChoices ?? wordsIn(option.flags), values: OPTION_VALUES[flag] },
        })),
    );
  return {
    path,
    description: command.description(),
    children: command.commands.map((child) => nodeOf(child, `${path} ${child.name()}`.trim())),
    options: [...options, HELP],
    offers: { choices, values: ARGUMENT_VALUES[path] },
  };
}

/** `pinned`, `all` and `none` of `--a-records <pinned|all|none>`. */
function wordsIn(flags: string): string[] {
  const takes = /<([a-z]+(?:\|[a-z]+)+)>$/.exec(flags)?.[1];
  return takes?.split('|') ?? [];
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
    ...node.offers.choices,
    ...node.options.map(({ flag }) => flag),
  ];
}

/** The names of a kind, as `delete` takes them after the word for the kind. */
const DELETABLE = Object.entries(VALUE_KINDS);

/** The `case` arms that bash and zsh share: the paths of commands, what an option takes, the words after a path. */
function arms(
  root: Node,
  assign: (words: readonly string[], values?: string) => string,
): Record<'grow' | 'choices' | 'words', string> {
  const nodes = allNodes(root);
  const offered = nodes.flatMap(({ path, options }) =>
    options
      .filter(({ offers }) => offers.choices.length > 0 || offers.values !== undefined)
      .map(({ flag, offers }) => [`${path} ${flag}`.trim(), offers] as const),
  );
  const all = [
    ...offered,
    ...DELETABLE.map(([values, kind]) => [`delete ${kind}`, { choices: [], values }] as const),
  ];
  return {
    grow: nodes
      .filter(({ path }) => path !== '')
      .map(({ path }) => quoted(path))
      .join('|'),
    choices: all
      .map(([before, { choices, values }]) => `    ${quoted(before)}) ${assign(choices, values)} ;;`)
      .join('\n'),
    words: nodes
      .map((node) => `      ${quoted(node.path)}) ${assign(wordsOf(node), node.offers.values)} ;;`)
      .join('\n'),
  };
}

function bashScript(root: Node): string {
  const { grow, choices, words } = arms(root, (given, values) => {
    const known = `words=${quoted(given.join(' '))}`;
    return values === undefined ? known : `${known}; names=${values}`;
  });
  return `# bash completion for podns
_podns() {
  local path= words= names= word next
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
  if [[ -n $names && $current != -* ]]; then
    words="$words $("\${COMP_WORDS[0]}" completion values "$names" 2>/dev/null)"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _podns podns
`;
}

/** Avoids the variables `path` and `words`, which zsh reserves. */
function zshScript(root: Node): string {
  const { grow, choices, words } = arms(root, (given, values) => {
    const known = `offered=(${given.map(quoted).join(' ')})`;
    return values === undefined ? known : `${known}; names=${values}`;
  });
  return `#compdef podns
# zsh completion for podns
_podns() {
  local route= names= next i
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
  if [[ -n $names && \${words[CURRENT]} != -* ]]; then
    offered+=(\${(f)"$(\${words[1]} completion values $names 2>/dev/null)"})
  fi
  compadd -- $offered
  _files
}
if [[ \${funcstack[1]} == _podns ]]; then _podns "$@"; else compdef _podns podns; fi
`;
}

function fishScript(root: Node): string {
  const lines = ['# fish completion for podns'];
  const valuesOf = (kind: string): string => `(podns completion values ${kind} 2>/dev/null)`;
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
    const { choices: first, values } = node.offers;
    if (first.length > 0) lines.push(`${base} -f -a ${quoted(first.join(' '))}`);
    if (values !== undefined) lines.push(`${base} -f -a ${quoted(valuesOf(values))}`);
    for (const { flag, description, takesValue, offers } of node.options) {
      const name = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      const offered = [...offers.choices, ...(offers.values === undefined ? [] : [valuesOf(offers.values)])];
      const value = offered.length > 0 ? ` -x -a ${quoted(offered.join(' '))}` : takesValue ? ' -r' : '';
      lines.push(`${base} ${name}${value} -d ${quoted(description)}`);
    }
  }
  for (const [word, kind] of DELETABLE) {
    const after = `__fish_seen_subcommand_from delete; and __fish_seen_subcommand_from ${kind}`;
    lines.push(`complete -c podns -n ${quoted(after)} -f -a ${quoted(valuesOf(word))}`);
  }
  return `${lines.join('\n')}\n`;
}
