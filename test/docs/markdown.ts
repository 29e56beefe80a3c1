/** The pages that people read, and the blocks of code in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Below the repository's folder. */
export const PAGES = [
  'README.md',
  ...readdirSync(`${ROOT}docs`)
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

export interface Block {
  page: string;
  /** From 1. */
  line: number;
  /** `sh`, `yaml`; '' where none is named. */
  language: string;
  text: string;
}

export function blocksOf(page: string): Block[] {
  const whole = readFileSync(ROOT + page, 'utf8');
  return [...whole.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map((match) => ({
    page,
    line: whole.slice(0, match.index).split('\n').length + 1,
    language: match[1]!,
    text: match[2]!,
  }));
}

/** Spans of code within the text, outside of blocks. */
export function spansOf(page: string): string[] {
  const text = readFileSync(ROOT + page, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  return [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
}

/** What the shell would run, one line each: without prompts, outputs, comments and texts of here-documents. */
export function shellLines({ language, text }: Block): string[] {
  const joined = text.replace(/<<'?(\w+)'?\n[\s\S]*?\n\1\n/g, '\n').replace(/\\\n/g, ' ');
  const lines = joined.split('\n');
  const prompted = lines.some((line) => line.startsWith('$ '));
  if (language === 'console' || prompted)
    return lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
  return ['sh', ''].includes(language) ? lines.filter((line) => line !== '') : [];
}

/** The words of each simple command of a line; brackets and choices of a synopsis are read as their first choice. */
export function commandsOf(line: string): string[][] {
  const commands: string[][] = [[]];
  // A second column explains the first.
  const own = line.replace(/ {3,}.*/, '').replace(/ +# .*/, '');
  for (const [token, quoted] of own.matchAll(/'([^']*)'|"[^"]*"|[^\s'"]+/g)) {
    if (quoted !== undefined) commands.at(-1)!.push(quoted);
    else if (/^(?:\||\|\||&&|&|;|\$\()$/.test(token)) commands.push([]);
    else if (/^\d?[<>]/.test(token)) commands.at(-1)!.push('>');
    else commands.at(-1)!.push(token.replace(/^\[|\]$/g, '').replace(/\|.*/, ''));
  }
  return commands
    .map((words) => (words.includes('>') ? words.slice(0, words.indexOf('>')) : words))
    .filter((words) => words.length > 0);
}

/** The words after `podns`; undefined for another command. */
export function podnsWords(words: readonly string[]): string[] | undefined {
  const [first, second] = words;
  if (first === 'podns') return words.slice(1);
  return first === 'npx' && second === 'podns' ? words.slice(2) : undefined;
}
