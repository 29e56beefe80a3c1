/** Variables in the values of a compose file: `$NAME`, `${NAME}`, and its forms with a default or an error. */

export type Variables = Record<string, string | undefined>;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;

/**
 * Puts the variables in. `unset` hears of every variable that has neither a value nor a default; it becomes ''.
 * Throws an Error whose message is the reason: a form that does not exist, or the text behind `?`.
 */
export function interpolate(text: string, variables: Variables, unset: (name: string) => void): string {
  let result = '';
  let at = 0;
  for (;;) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) return result + text.slice(at);
    result += text.slice(at, dollar);
    const rest = text.slice(dollar + 1);
    if (rest.startsWith('$')) {
      result += '$';
      at = dollar + 2;
      continue;
    }
    if (rest.startsWith('{')) {
      const length = bracedLength(rest);
      if (length < 0) throw new Error(`"\${" without "}" in ${JSON.stringify(text)}`);
      result += expand(rest.slice(1, length - 1), variables, unset);
      at = dollar + 1 + length;
      continue;
    }
    const name = NAME.exec(rest)?.[0];
    if (name === undefined)
      throw new Error(`a lone "$" in ${JSON.stringify(text)}; write $$ for a dollar sign`);
    result += valueOf(name, variables, unset);
    at = dollar + 1 + name.length;
  }
}

/** Length of `{…}` with all braces that are inside of it; -1 when it is not closed. */
function bracedLength(text: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{') depth++;
    else if (text[i] === '}' && --depth === 0) return i + 1;
  }
  return -1;
}

/** The inside of the braces: `NAME`, or `NAME` and an operator with its word, which may hold variables again. */
function expand(inside: string, variables: Variables, unset: (name: string) => void): string {
  const name = NAME.exec(inside)?.[0] ?? '';
  const match = /^(:?[-?+])?(.*)$/s.exec(inside.slice(name.length))!;
  const operator = match[1];
  const word = match[2]!;
  if (name === '' || (operator === undefined && word !== '')) {
    throw new Error(`"\${${inside}}" is not a variable`);
  }
  if (operator === undefined) return valueOf(name, variables, unset);
  const value = variables[name];
  const given = value !== undefined && (operator.length === 1 || value !== '');
  const words = (): string => interpolate(word, variables, unset);
  switch (operator.at(-1)) {
    case '-':
      return given ? value : words();
    case '+':
      return given ? words() : '';
    default:
      if (given) return value;
      throw new Error(`variable ${name} is required${word === '' ? '' : `: ${words()}`}`);
  }
}

function valueOf(name: string, variables: Variables, unset: (name: string) => void): string {
  const value = variables[name];
  if (value === undefined) unset(name);
  return value ?? '';
}

/** Reads a `.env` file: `NAME=value` lines, quotes and comments; what is no such line is passed over. */
export function parseEnvironmentFile(text: string): Variables {
  const variables: Variables = {};
  for (const row of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(row);
    if (match === null) continue;
    const quoted = /^(?:'([^']*)'|"([^"]*)")(?:\s+#.*)?$/.exec(match[2]!);
    variables[match[1]!] = quoted ? (quoted[1] ?? quoted[2]) : match[2]!.replace(/(^|\s+)#.*$/, '');
  }
  return variables;
}
