/** A question in the words of dig: name, type, `@server` and `+options`, the last three in any order. */
import { isIP } from 'node:net';
import { typeNumber } from '../dns/text.ts';
import { ListenError, parseListen, type Usual } from '../transport/listen.ts';
import type { Target } from './exchange.ts';
import { CommandError, EXIT_USAGE } from './exit.ts';

export interface Words {
  name: string;
  type: number | undefined;
  server: Target | undefined;
  /** Undefined where no word decides. */
  tcp: boolean | undefined;
  short: boolean | undefined;
  edns: boolean;
  recursion: boolean;
}

type Switch = 'tcp' | 'short' | 'edns' | 'recursion';

/** With `no` before it each says the contrary. */
const SWITCHES: Record<string, Switch> = {
  tcp: 'tcp',
  vc: 'tcp',
  short: 'short',
  edns: 'edns',
  recurse: 'recursion',
  rec: 'recursion',
};

/** Throws CommandError for a word that is none of these. */
export function readWords(given: readonly string[]): Words {
  const words: Words = {
    name: '',
    type: undefined,
    server: undefined,
    tcp: undefined,
    short: undefined,
    edns: true,
    recursion: true,
  };
  const plain: string[] = [];
  for (const word of given) {
    if (word.startsWith('@')) words.server = readServer(word);
    else if (word.startsWith('+')) {
      const off = word.startsWith('+no');
      const what = SWITCHES[word.slice(off ? 3 : 1).toLowerCase()];
      if (what === undefined) {
        const known = Object.keys(SWITCHES).map((one) => `+[no]${one}`);
        throw new CommandError(EXIT_USAGE, `"${word}": of dig's options there are ${known.join(', ')}`);
      }
      words[what] = !off;
    } else plain.push(word);
  }
  const [name, type, ...more] = plain;
  if (name === undefined) throw new CommandError(EXIT_USAGE, 'which name to ask for is missing');
  if (more.length > 0)
    throw new CommandError(EXIT_USAGE, `"${more[0]!}": one name and one type are expected`);
  words.name = name;
  if (type !== undefined) words.type = readType(type);
  return words;
}

function readType(text: string): number {
  const type = typeNumber(text);
  if (type < 0)
    throw new CommandError(EXIT_USAGE, `"${text}" is not a DNS record type, such as AAAA, SRV or TYPE65`);
  return type;
}

function readServer(word: string): Target {
  try {
    const [address = '', port] = word.slice(1).split('#');
    if (port === undefined) return targetOf(address);
    return targetOf(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
  } catch (error) {
    const reason = error instanceof ListenError ? error.reason : (error as Error).message;
    throw new CommandError(EXIT_USAGE, `"${word}" is not the address of a server: ${reason}`);
  }
}

/** A DNS server is named by its address: to look up a name, a DNS server would be needed. */
const SERVER: Usual = {
  port: 53,
  shape:
    'write ADDR or ADDR:PORT with an IP address, such as 127.0.0.1:5300 or [::1]:53; podns looks up no host names',
};

/** `ADDR` or `ADDR:PORT`. Throws an error with the reason. */
export function targetOf(text: string): Target {
  if (isIP(text) === 0 && !text.includes(':'))
    throw new TypeError(`it is not an IP address: ${SERVER.shape}`);
  // An address alone is enough here: servers of DNS are on port 53.
  const whole = isIP(text) === 0 ? text : isIP(text) === 6 ? `[${text}]:53` : `${text}:53`;
  const { address, port } = parseListen(whole, SERVER);
  return { address, port };
}
