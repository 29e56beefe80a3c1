/** Replaces variables in the values of a compose file: `$NAME`, `${NAME}`, and the forms with a default or an error. */

/** A map of variables, or a chain of such maps. */
export interface Variables {
  get(name: string): string | undefined;
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;

/** The maximum depth of defaults inside defaults, and of characters of one value after replacement. */
const DEPTH_MAX = 32;
const VALUE_MAX = 1 << 20;

/**
 * Replaces the variables; a `$` that starts none stays, `$$` becomes `$`. Calls `unset` for each variable without a
 * value and without a default; it becomes ''. Throws an Error whose message is the reason: braces without a
 * variable, the text after `?`, or a value that becomes too long.
 */
export function interpolate(
  text: string,
  variables: Variables,
  unset: (name: string) => void,
  depth = 0,
): string {
  if (depth > DEPTH_MAX) throw new Error(`its defaults are nested more than ${DEPTH_MAX} levels deep`);
  let result = '';
  let at = 0;
  for (;;) {
    const dollar = text.indexOf('$', at);
    result += text.slice(at, dollar < 0 ? text.length : dollar);
    if (result.length > VALUE_MAX)
      throw new Error(`its variables make it longer than ${VALUE_MAX} characters`);
    if (dollar < 0) return result;
    at = dollar + 1;
    const name = nameAt(text, at);
    if (text[at] === '$') {
      result += '$';
      at++;
    } else if (text[at] === '{') {
      const end = closingBrace(text, at + 1);
      if (end < 0) throw new Error(`"\${" without "}" in ${JSON.stringify(text.slice(0, 80))}`);
      result += expand(text.slice(at + 1, end), variables, unset, depth);
      at = end + 1;
    } else if (name === '') result += '$';
    else {
      result += valueOf(name, variables, unset);
      at += name.length;
    }
  }
}

function nameAt(text: string, at: number): string {
  NAME.lastIndex = at;
  return NAME.exec(text)?.[0] ?? '';
}

/** The end of the braces. Only `${` opens another pair, as in compose; a lone `{` does not count. -1 if not closed. */
function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text[i] === '}' && --depth === 0) return i;
    if (text[i] === '$' && text[i + 1] === '{') {
      depth++;
      i++;
    }
  }
  return -1;
}

/** The inside of the braces: `NAME`, or `NAME` and an operator with its word, which may hold variables again. */
function expand(inside: string, variables: Variables, unset: (name: string) => void, depth: number): string {
  const name = nameAt(inside, 0);
  const match = /^(:?[-?+])?(.*)$/s.exec(inside.slice(name.length))!;
  const operator = match[1];
  const word = match[2]!;
  if (name === '' || (operator === undefined && word !== ''))
    throw new Error(`"\${${inside.slice(0, 80)}}" is not a variable; write $$ for a dollar sign`);
  if (operator === undefined) return valueOf(name, variables, unset);
  const value = variables.get(name);
  const given = value !== undefined && (operator.length === 1 || value !== '');
  const words = (): string => interpolate(word, variables, unset, depth + 1);
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
  const value = variables.get(name);
  if (value === undefined) unset(name);
  return value ?? '';
}
