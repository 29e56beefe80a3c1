/** `/v1/log`: the last answers of clients, and those that follow. `/v1/top`: who asks most, and for what. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { formatAddress, parseAddress } from '../dns/address.ts';
import type { RecordedFilter } from '../answer/record/reader.ts';
import type { Pod } from '../model.ts';
import type { ServerCore } from '../server.ts';
import { followRecorded, lastRecorded, logEntry } from '../server/recorded.ts';
import type { Recorder } from '../server/recorder.ts';
import { TOP_BY, topOf, type TopBy } from '../server/top.ts';
import { beginStream } from './stream.ts';

interface LogQuery {
  vpc: string | undefined;
  from: string | undefined;
  n: number;
  follow: boolean;
  by: TopBy;
}

/** A request that cannot be answered, with its status. */
class LogFailure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const DEFAULT_COUNT = 50;
const COUNT_MAX = 10_000;
/** Requests that read the records at the same time, followers among them. */
const AT_ONCE = 16;
const LOG_WORDS = ['vpc', 'from', 'n', 'follow'];
const TOP_WORDS = ['vpc', 'by', 'n'];
/** VPCs that are tried for a pod in one slice of work. */
const SLICE = 256;

export function logRoutes(app: FastifyInstance, server: ServerCore): void {
  const followers = new Set<FastifyReply>();
  app.addHook('preClose', async () => {
    for (const { raw } of followers) raw.destroy();
  });
  let running = 0;
  const answer =
    (
      words: readonly string[],
      work: (recorder: Recorder, query: LogQuery, reply: FastifyReply) => Promise<unknown>,
    ) =>
    async (request: { query: unknown; params: unknown }, reply: FastifyReply): Promise<FastifyReply> => {
      try {
        const query = queryOf(request.query as Record<string, unknown>, words, request.params);
        const { recorder } = server.recording;
        if (recorder === undefined) throw new LogFailure(409, 'nothing is recorded: record is off');
        if (running + followers.size >= AT_ONCE)
          throw new LogFailure(503, 'too many requests read the records');
        running++;
        try {
          await work(recorder, query, reply);
        } finally {
          running--;
        }
        return await reply;
      } catch (error) {
        if (!(error instanceof LogFailure)) throw error;
        if (error.status === 503) void reply.header('retry-after', 1);
        return reply.code(error.status).type('text/plain; charset=utf-8').send(`${error.message}\n`);
      }
    };

  const log = answer(LOG_WORDS, async (recorder, query, reply) => {
    const filter = await filterOf(server, query);
    const entries = (await lastRecorded(recorder, filter, query.n)).map(logEntry);
    if (!query.follow) return reply.send(entries);
    follow(recorder, filter, entries, reply, followers);
  });
  const top = answer(TOP_WORDS, async (recorder, { by, n, vpc }, reply) =>
    reply.send(await topOf(recorder, by, n, Date.now(), vpc)),
  );
  // A base path per VPC shows that VPC alone, as it does for Docker's networks.
  for (const base of ['', '/vpc/:vpc']) {
    app.get(`${base}/v1/log`, log);
    app.get(`${base}/v1/top`, top);
  }
}

function follow(
  recorder: Recorder,
  filter: RecordedFilter,
  entries: unknown[],
  reply: FastifyReply,
  followers: Set<FastifyReply>,
): void {
  const stream = beginStream(reply);
  followers.add(reply);
  let isReady = true;
  const write = (lines: unknown[]): void => {
    if (lines.length === 0) return;
    isReady = stream.write(Buffer.from(lines.map((each) => `${JSON.stringify(each)}\n`).join('')));
  };
  const stop = followRecorded(
    recorder,
    filter,
    (fresh) => write(fresh.map(logEntry)),
    () => isReady,
  );
  stream.follow({
    drained: () => (isReady = true),
    left: () => {
      stop();
      followers.delete(reply);
    },
  });
  write(entries);
}

function queryOf(query: Record<string, unknown>, words: readonly string[], params: unknown): LogQuery {
  const texts: Record<string, string> = {};
  for (const [word, value] of Object.entries(query)) {
    if (!words.includes(word))
      throw new LogFailure(400, `${word}: there is no such parameter, only ${words.join(', ')}`);
    if (typeof value !== 'string') throw new LogFailure(400, `${word}: one value is expected`);
    if (value !== '') texts[word] = value;
  }
  const { vpc: base } = params as { vpc?: string };
  const { from, n = String(DEFAULT_COUNT), follow = '0', by = 'name' } = texts;
  const vpcs = [base, texts['vpc']].filter((vpc) => vpc !== undefined).map((vpc) => vpc.toLowerCase());
  if (new Set(vpcs).size > 1) throw new LogFailure(400, `vpc: this path shows VPC ${vpcs[0]} alone`);
  if (!/^\d{1,5}$/.test(n) || Number(n) < 1 || Number(n) > COUNT_MAX)
    throw new LogFailure(400, `n: a whole number from 1 to ${COUNT_MAX} is expected`);
  if (follow !== '0' && follow !== '1') throw new LogFailure(400, 'follow: 0 or 1 is expected');
  const known = TOP_BY.find((one) => one === by);
  if (known === undefined) throw new LogFailure(400, `by: one of ${TOP_BY.join(', ')} is expected`);
  return { vpc: vpcs[0], from, n: Number(n), follow: follow === '1', by: known };
}

/** Of a pod: what was recorded under its name, and what came from its addresses while it was not known yet. */
async function filterOf(server: ServerCore, { vpc, from }: LogQuery): Promise<RecordedFilter> {
  if (from === undefined) return { vpc };
  const octets = new Uint8Array(16);
  if (parseAddress(from, octets, 0) !== 0) return { vpc, addresses: new Set([formatAddress(octets, 0)]) };
  const [pod = '', namespace = '', own, ...rest] = from.toLowerCase().split('/').toReversed();
  if (pod === '' || namespace === '' || own === '' || rest.length > 0)
    throw new LogFailure(400, `from: "${from}": NS/POD, VPC/NS/POD or an address is expected`);
  if (own !== undefined && vpc !== undefined && own !== vpc)
    throw new LogFailure(400, `from: "${from}" is not in VPC ${vpc}`);
  const known = await podsOf(server, own ?? vpc, namespace, pod);
  if (known.length > 1)
    throw new LogFailure(400, `several VPCs have a pod ${namespace}/${pod}: say which by vpc or VPC/NS/POD`);
  const addresses = known.flatMap(({ ip6, overlays }) => [
    ip6,
    ...overlays.flatMap((each) => [each.ip6, each.ip4]),
  ]);
  return {
    vpc: own ?? vpc ?? known[0]?.vpc,
    namespace,
    pod,
    addresses: new Set(addresses.filter((address) => address !== undefined)),
  };
}

/** At most two: that is enough to know that the name is ambiguous. */
async function podsOf(
  { catalog }: ServerCore,
  vpc: string | undefined,
  namespace: string,
  name: string,
): Promise<Pod[]> {
  const found: Pod[] = [];
  const look = (inVpc: string): void => {
    const pod = catalog.get({ kind: 'pod', vpc: inVpc, namespace, name });
    if (pod?.kind === 'pod') found.push(pod);
  };
  if (vpc !== undefined) {
    look(vpc);
    return found;
  }
  let tried = 0;
  for (const each of catalog.listPaced('vpc', {}, true)) {
    if (each?.kind === 'vpc') look(each.name);
    if (found.length > 1) break;
    if (++tried % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}
