/** Reads files of variables as compose does: `NAME=value`, quotes, escapes, comments, variables inside values. */
import { interpolate, type Variables } from './interpolate.ts';

/** Whitespace within a line; a name (compose allows dots and brackets too) and the character that ends it. */
const BLANK = /[^\S\n]*/y;
const STATEMENT = /(?:export[^\S\n]+)?([\p{L}\p{N}_.[\]-]+)[^\S\n]*([=:]|\n|$)/uy;
const ESCAPE = /\\(?:[abcfnrtv$"\\]|0[0-7]{0,3})/g;
const ESCAPED: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

export interface DotenvReport {
  /** `offset` is in the text. The statement with the fault is ignored. */
  fault(offset: number, reason: string): void;
  unset(name: string, offset: number): void;
}

/**
 * Adds the variables of `text` to `into`. A variable inside a value is that of `before` (the environment), else one
 * that stands above it or in an earlier file.
 */
export function readDotenv(
  text: string,
  before: Variables,
  into: Map<string, string>,
  report: DotenvReport,
): void {
  const variables = { get: (name: string) => before.get(name) ?? into.get(name) };
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  for (;;) {
    at += /\s*/y.exec(text.slice(at))![0].length;
    if (at >= text.length) return;
    const start = at;
    const lineEnd = endOfLine(text, at);
    STATEMENT.lastIndex = at;
    const statement = text[at] === '#' ? null : STATEMENT.exec(text);
    if (statement === null) {
      if (text[at] !== '#') report.fault(at, 'this is not NAME=value and is ignored');
      at = lineEnd;
      continue;
    }
    const [whole, name = '', sign = ''] = statement;
    at += whole.length;
    // A name alone stands for the variable of the environment, which counts anyway.
    if (sign !== '=' && sign !== ':') continue;
    BLANK.lastIndex = at;
    at += BLANK.exec(text)![0].length;
    const quote = text[at];
    let value: string;
    if (quote === '"' || quote === "'") {
      const end = closingQuote(text, at);
      if (end < 0) {
        report.fault(at, `${quote} is not closed, so ${name} is ignored`);
        at = lineEnd;
        continue;
      }
      value = text.slice(at + 1, end);
      value = quote === "'" ? value.replaceAll("\\'", "'") : unescape(value);
      at = end + 1;
    } else {
      value = text
        .slice(at, lineEnd)
        .replace(/(^|\s)#.*$/, '')
        .trimEnd();
      at = lineEnd;
    }
    try {
      into.set(
        name,
        quote === "'" ? value : interpolate(value, variables, (unset) => report.unset(unset, start)),
      );
    } catch (error) {
      report.fault(start, `${name}: ${(error as Error).message}`);
    }
  }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** A quoted value may span several lines; a backslash escapes a quote. */
function closingQuote(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === text[open]) return i;
  }
  return -1;
}

/** The text in double quotes; `\$` becomes `$$`, which later becomes a dollar sign. */
function unescape(text: string): string {
  return text.replace(ESCAPE, (match) => {
    const code = match[1]!;
    if (code === '$') return '$$';
    if (code === '0') return String.fromCharCode(parseInt(match.slice(1), 8) & 0xff);
    return ESCAPED[code] ?? (code === 'c' ? match : code);
  });
}
