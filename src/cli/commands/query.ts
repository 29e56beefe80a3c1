/** `query`: asks a DNS server one question, or asks as a pod would, and prints the answer in the layout of dig. */
import { randomInt } from 'node:crypto';
import { isIP } from 'node:net';
import { Command, InvalidArgumentError } from 'commander';
import type { QueryBody } from '../../admin/explain.ts';
import { parseAddress } from '../../dns/address.ts';
import { reverseText } from '../../dns/arpa.ts';
import { buildQuery } from '../../dns/build.ts';
import { OPTION_NSID, RCODE_NOERROR, RCODE_NXDOMAIN, TYPE_AAAA, TYPE_PTR } from '../../dns/constants.ts';
import { FLAG_TC, flagsOf } from '../../dns/flags.ts';
import { NameError } from '../../dns/name.ts';
import { parseMessage, type Message } from '../../dns/print.ts';
import { MessageError } from '../../dns/rdata.ts';
import { typeText } from '../../dns/text.ts';
import type { ExplainAsk } from '../../index.ts';
import { addAdminOptions, type AdminOptions } from '../admin-options.ts';
import { answerJson, answerText } from '../answer-text.ts';
import { ASK_CODES, askQuery } from '../asking.ts';
import { readWords, targetOf, type Words } from '../dig-words.ts';
import { ListenError } from '../../transport/listen.ts';
import { exchange, Unreachable, type Exchange, type Target } from '../exchange.ts';
import { CommandError, EXIT_FAILURE, EXIT_NEGATIVE, EXIT_OK, EXIT_UNREACHABLE, EXIT_USAGE } from '../exit.ts';
import { errorLine, line, type Io } from '../io.ts';
import { addOutput, jsonText } from '../output.ts';
import { secondOpinion } from '../second-opinion.ts';

interface QueryOptions extends AdminOptions {
  server?: Target;
  short?: true;
  tcp?: true;
  timeout: number;
  from?: string;
  zones?: string;
  vpc?: string;
  listener?: string;
  output: 'text' | 'json';
}

const TRIES = 3;
const DEFAULT_SERVER: Target = { address: '127.0.0.1', port: 5300 };

export function queryCommand(io: Io): Command {
  const command = new Command('query')
    .argument('<name>', 'a name as it goes on the wire, without a search list; or an address, for its PTR')
    .argument(
      '[words...]',
      'type (default AAAA), @SERVER, +tcp, +short, +noedns, +norecurse: as dig has them',
    )
    .option('--server <addr:port>', 'whom to ask; default 127.0.0.1:5300', readTarget)
    .option('--from <pod|address>', 'ask as this client: NS/POD, VPC/NS/POD, or an address')
    .option('--zones <dir>', 'with --from: read these zone files instead of asking the running server')
    .option('--vpc <vpc>', "with --from: the pod's VPC, where several have such a pod")
    .option('--listener <addr:port[@vpc[/ns]]>', 'with --from: which listener is asked')
    .option('--short', 'print only the data of the answer, one record per line')
    .option('--tcp', 'ask over TCP')
    .option('--timeout <ms>', `milliseconds to wait for each of ${TRIES} tries`, readTimeout, 2000)
    .action(async (name: string, rest: string[], options: QueryOptions) => {
      const words = readWords([name, ...rest]);
      const short = words.short ?? options.short ?? false;
      const tcp = words.tcp ?? options.tcp ?? false;
      const asked = { ...words, tcp };
      const server = words.server ?? options.server ?? DEFAULT_SERVER;
      const hasServer = words.server !== undefined || options.server !== undefined;
      const shown =
        options.from === undefined
          ? await askServer(asked, server, options)
          : await askAs(asked, options.from, hasServer, options, io);
      if (options.output === 'json') io.out(jsonText(answerJson(shown.result, shown.where)));
      else if (short) for (const record of shown.result.message.answer) line(io, record.data);
      else io.out(answerText(shown.result, shown.where));
      for (const doubt of shown.result.doubts) errorLine(io, `podns: ${doubt}`);
      end(shown.result, short && options.output === 'text');
    });
  return addAdminOptions(addOutput(command, 'text'));
}

interface Shown {
  result: Exchange;
  where: string;
}

type Asked = Words & { tcp: boolean };

async function askServer(asked: Asked, server: Target, options: QueryOptions): Promise<Shown> {
  for (const word of ['zones', 'vpc', 'listener'] as const) {
    if (options[word] !== undefined) throw new CommandError(EXIT_USAGE, `--${word} goes with --from`);
  }
  const result = await exchange(questionOf(asked), server, {
    tries: TRIES,
    timeout: options.timeout,
    ...(asked.tcp ? { tcp: true } : {}),
  }).catch((error: unknown) => {
    if (error instanceof Unreachable)
      throw new CommandError(EXIT_UNREACHABLE, `${where(server)}: ${error.message}`);
    if (error instanceof MessageError)
      throw new CommandError(EXIT_FAILURE, `${where(server)} sent an invalid DNS message: ${error.message}`);
    throw error;
  });
  return { result, where: where(server) };
}

/** Through the admin listener, or from zone files; again over TCP where the answer was truncated, as a stub does. */
async function askAs(
  asked: Asked,
  from: string,
  hasServer: boolean,
  options: QueryOptions,
  io: Io,
): Promise<Shown> {
  if (hasServer)
    throw new CommandError(
      EXIT_USAGE,
      'a server and --from exclude each other: --listener chooses the listener',
    );
  if (!asked.recursion) throw new CommandError(EXIT_USAGE, '+norecurse does not go with --from');
  const { name, type, edns } = asked;
  const words: ExplainAsk = { name, from, ...(type === undefined ? {} : { type: typeText(type) }) };
  if (!edns) words.size = 0;
  if (options.vpc !== undefined) words.vpc = options.vpc;
  if (options.listener !== undefined) words.listener = options.listener;
  const ask = async (tcp: boolean): Promise<QueryBody> => {
    const whole = { ...words, tcp };
    if (options.zones === undefined) {
      const { adminTarget, askAdmin } = await import('../admin-client.ts');
      return askAdmin<QueryBody>(adminTarget(options, io), `/v1/query?${askQuery(whole)}`, ASK_CODES);
    }
    const { withZoneServer } = await import('../zone-server.ts');
    return withZoneServer(options.zones, options, io, async (server) => {
      const { answer, ...more } = await server.query(whole);
      return { answer: answer === undefined ? null : Buffer.from(answer).toString('base64'), ...more };
    });
  };
  let body = await ask(asked.tcp);
  let protocol: Exchange['protocol'] = asked.tcp ? 'TCP' : 'UDP';
  const truncated = body.answer !== null && (flagsOf(Buffer.from(body.answer, 'base64')) & FLAG_TC) !== 0;
  if (truncated && !asked.tcp) {
    protocol = 'TCP';
    body = await ask(true);
  }
  if (body.answer === null)
    throw new CommandError(EXIT_UNREACHABLE, `${body.listener}: the query is dropped, without an answer`);
  const octets = Buffer.from(body.answer, 'base64');
  const message = parseMessage(octets);
  const result: Exchange = {
    message,
    doubts: secondOpinion(octets, message),
    octets: octets.length,
    protocol,
    milliseconds: Math.floor(body.milliseconds),
  };
  return { result, where: `${body.listener}, asked as ${from}` };
}

/** Throws where the exit code is not 0; with `--short` the reason is told as well, for it shows nothing else. */
function end({ message, tcpFailure }: Exchange, short: boolean): void {
  const code = exitCodeOf(message);
  if (code === EXIT_OK && tcpFailure !== undefined) {
    throw new CommandError(EXIT_UNREACHABLE, `the answer is truncated, and TCP failed: ${tcpFailure}`);
  }
  if (code === EXIT_OK) return;
  const { errors = [] } = message.edns ?? {};
  throw new CommandError(code, short ? errors.map((error) => error.text).join('\n') : '');
}

/** 0 for an answer, 3 for NXDOMAIN and no data, 1 for every other rcode. */
export function exitCodeOf(message: Message): number {
  if (message.rcode === RCODE_NXDOMAIN) return EXIT_NEGATIVE;
  if (message.rcode !== RCODE_NOERROR) return EXIT_FAILURE;
  return message.answer.length > 0 || message.tc ? EXIT_OK : EXIT_NEGATIVE;
}

function questionOf({ name, type, edns, recursion }: Words): Uint8Array {
  const reverse = isIP(name) !== 0 && type === undefined;
  try {
    return buildQuery({
      name: reverse ? reverseOf(name) : name,
      type: type ?? (reverse ? TYPE_PTR : TYPE_AAAA),
      id: randomInt(0x10000),
      rd: recursion,
      ...(edns ? { edns: { options: [{ code: OPTION_NSID, data: new Uint8Array(0) }] } } : {}),
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

function readTarget(text: string): Target {
  try {
    return targetOf(text);
  } catch (error) {
    const reason = error instanceof ListenError ? error.reason : (error as Error).message;
    throw new InvalidArgumentError(`It is not the address of a server: ${reason}.`);
  }
}

function readTimeout(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Milliseconds, 1 to 999999.');
  return Number(text);
}
