/** The log of `serve`: lines for people where standard error is a terminal, else one JSON object a line. */
import { pino, stdTimeFunctions, type DestinationStream } from 'pino';
import { plainLines, plainText } from '../model-text.ts';
import type { Logger } from '../server/logger.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  level: Level | 'silent';
  format: 'auto' | 'text' | 'json';
  to: DestinationStream;
  /** Whether a person reads it, and whether colours may be used. */
  isTerminal: boolean;
  /** For tests. */
  now?: () => Date;
}

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];
const COLOURS: Record<Level, string> = {
  debug: '\x1b[2m',
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
};
const PLAIN = '\x1b[0m';

export function makeLog(options: LogOptions): Required<Logger> {
  const { level, format, to, isTerminal } = options;
  const isText = format === 'text' || (format === 'auto' && isTerminal);
  if (isText) return textLog(options);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Inside JSON an escape means the same as what it stands for.
      hooks: { streamWrite: plainLines },
    },
    to,
  );
  return {
    debug: (details, text) => logger.debug(details, text),
    info: (details, text) => logger.info(details, text),
    warn: (details, text) => logger.warn(details, text),
    error: (details, text) => logger.error(details, text),
  };
}

/** `20:35:31 warn  zones:zones is lost: …`: the text says it all, so of the details only counts are added. */
function textLog({ level, to, isTerminal, now = () => new Date() }: LogOptions): Required<Logger> {
  const least = level === 'silent' ? LEVELS.length : LEVELS.indexOf(level);
  const say = (word: Level, details: object, text: string): void => {
    if (LEVELS.indexOf(word) < least) return;
    const { repeated } = details as { repeated?: number };
    const again = repeated === undefined ? '' : ` (${repeated} times since it was last said)`;
    const padded = word.padEnd(5);
    const shown = isTerminal ? `${COLOURS[word]}${padded}${PLAIN}` : padded;
    to.write(`${localTime(now())} ${shown} ${plainText(text + again)}\n`);
  };
  return {
    debug: (details, text) => say('debug', details, text),
    info: (details, text) => say('info', details, text),
    warn: (details, text) => say('warn', details, text),
    error: (details, text) => say('error', details, text),
  };
}

/** `2026-11-28 20:35:31`, in the time zone of the host. */
export function localTime(date: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
