/** `query`: asks a DNS server one question and prints the answer in the layout of dig. */
import { randomInt } from 'node:crypto';
import { isIP } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseAddress } from '../../dns/address.ts';
import { reverseText } from '../../dns/arpa.ts';
import { buildQuery } from '../../dns/build.ts';
import { OPTION_NSID, RCODE_NOERROR, RCODE_NXDOMAIN, TYPE_AAAA, TYPE_PTR } from '../../dns/constants.ts';
import { NameError } from '../../dns/name.ts';
import type { Message } from '../../dns/print.ts';
import { MessageError } from '../../dns/rdata.ts';
import { typeNumber } from '../../dns/text.ts';
import { ListenError, parseListen, type Usual } from '../../transport/listen.ts';
import { answerJson, answerText } from '../answer-text.ts';
import { exchange, Unreachable, type Exchange, type Target } from '../exchange.ts';
import { CommandError, EXIT_FAILURE, EXIT_NEGATIVE, EXIT_OK, EXIT_UNREACHABLE, EXIT_USAGE } from '../exit.ts';
import { errorLine, line, type Io } from '../io.ts';
import { addOutput, jsonText } from '../output.ts';

interface QueryOptions {
  server: Target;
  short?: true;
  tcp?: true;
  timeout: number;
  output: 'text' | 'json';
}

const TRIES = 3;
/** A DNS server is named by its address: to look up a name, a DNS server would be needed. */
const SERVER: Usual = {
  port: 53,
  shape:
    'write ADDR or ADDR:PORT with an IP address, such as 127.0.0.1:5300 or [::1]:53; podns looks up no host names',
};
const DEFAULT_SERVER = '127.0.0.1:5300';

export function queryCommand(io: Io): Command {
  const command = new Command('query')
    .argument('<name>', 'full name, without a search list; or an address, to ask for its PTR')
    .argument('[type]', 'A, AAAA, SRV, TXT, PTR, ANY, TYPE65 …; default AAAA', readType)
    .addOption(
      new Option('--server <addr:port>', 'server to ask')
        .argParser(readTarget)
        .default(readTarget(DEFAULT_SERVER), DEFAULT_SERVER),
    )
    .option('--short', 'print only the data of the answer, one record per line')
    .option('--tcp', 'ask over TCP')
    .option('--timeout <ms>', `milliseconds to wait for each of ${TRIES} tries`, readTimeout, 2000);
  return addOutput(command, 'text').action(
    async (name: string, type: number | undefined, options: QueryOptions) => {
      const { server } = options;
      const packet = questionOf(name, type);
      const result = await exchange(packet, server, {
        tries: TRIES,
        timeout: options.timeout,
        tcp: options.tcp,
      }).catch((error: unknown) => {
        if (error instanceof Unreachable)
          throw new CommandError(EXIT_UNREACHABLE, `${where(server)}: ${error.message}`);
        if (error instanceof MessageError) {
          throw new CommandError(
            EXIT_FAILURE,
            `${where(server)} sent an invalid DNS message: ${error.message}`,
          );
        }
        throw error;
      });
      if (options.output === 'json') io.out(jsonText(answerJson(result, where(server))));
      else if (options.short) for (const record of result.message.answer) line(io, record.data);
      else io.out(answerText(result, where(server)));
      for (const doubt of result.doubts) errorLine(io, `podns: ${doubt}`);
      end(result, options);
    },
  );
}

/** Throws if the exit code is not 0; with `--short` the error holds the reason, because nothing else shows it. */
function end({ message, tcpFailure }: Exchange, options: QueryOptions): void {
  const code = exitCodeOf(message);
  if (code === EXIT_OK && tcpFailure !== undefined) {
    throw new CommandError(EXIT_UNREACHABLE, `the answer is truncated, and TCP failed: ${tcpFailure}`);
  }
  if (code === EXIT_OK) return;
  const { errors = [] } = message.edns ?? {};
  throw new CommandError(
    code,
    options.short && options.output === 'text' ? errors.map((error) => error.text).join('\n') : '',
  );
}

/** 0 for an answer, 3 for NXDOMAIN and no data, 1 for every other rcode. */
export function exitCodeOf(message: Message): number {
  if (message.rcode === RCODE_NXDOMAIN) return EXIT_NEGATIVE;
  if (message.rcode !== RCODE_NOERROR) return EXIT_FAILURE;
  return message.answer.length > 0 || message.tc ? EXIT_OK : EXIT_NEGATIVE;
}

function questionOf(name: string, type: number | undefined): Uint8Array {
  const reverse = isIP(name) !== 0 && type === undefined;
  try {
    return buildQuery({
      name: reverse ? reverseOf(name) : name,
      type: type ?? (reverse ? TYPE_PTR : TYPE_AAAA),
      id: randomInt(0x10000),
      edns: { options: [{ code: OPTION_NSID, data: new Uint8Array(0) }] },
    });
  } catch (error) {
    if (error instanceof NameError) throw new CommandError(EXIT_USAGE, error.message);
    throw error;
  }
}

function reverseOf(address: string): string {
  const octets = new Uint8Array(16);
  parseAddress(address, octets, 0);
  return reverseText(octets);
}

function where({ address, port }: Target): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function readType(text: string): number {
  const type = typeNumber(text);
  if (type < 0) throw new InvalidArgumentError('It is not a DNS type such as AAAA, SRV or TYPE65.');
  return type;
}

function readTarget(text: string): Target {
  if (isIP(text) === 0 && !text.includes(':'))
    throw new InvalidArgumentError(`It is not an IP address: ${SERVER.shape}.`);
  // An address is enough here, because DNS servers use port 53.
  const whole = isIP(text) === 0 ? text : isIP(text) === 6 ? `[${text}]:53` : `${text}:53`;
  try {
    const { address, port } = parseListen(whole, SERVER);
    return { address, port };
  } catch (error) {
    const reason = error instanceof ListenError ? error.reason : (error as Error).message;
    throw new InvalidArgumentError(`It is no address of a server: ${reason}.`);
  }
}

function readTimeout(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Milliseconds, 1 to 999999.');
  return Number(text);
}
