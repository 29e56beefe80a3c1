/** `/v1/explain`: why a client gets the answer that it gets. `/v1/query`: that answer itself, as it goes on the wire. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { ExplainError } from '../explain/facts.ts';
import type { ExplainAsk } from '../explain/facts.ts';
import type { ServerCore } from '../server.ts';

/** What `/v1/query` writes. */
export interface QueryBody {
  /** The message in base64; null where the server stays silent. */
  answer: string | null;
  listener: string;
  /** From the question to the answer, inside the server. */
  milliseconds: number;
}

/** Parameters that may come once each, all as text. */
const WORDS = ['name', 'type', 'from', 'vpc', 'listener', 'tcp', 'size', 'id', 'operator'];
/** Requests that are worked on at the same time, in slices. */
const AT_ONCE = 16;

export function explainRoutes(app: FastifyInstance, server: ServerCore): void {
  let running = 0;
  const answer = async (
    query: unknown,
    reply: FastifyReply,
    work: (ask: ExplainAsk) => Promise<unknown>,
  ): Promise<FastifyReply> => {
    if (running >= AT_ONCE)
      return refuse(reply.header('retry-after', 1), 503, 'too many explanations are under way');
    running++;
    try {
      const body = await work(askOf(query as Record<string, unknown>));
      return await reply
        .type('application/json; charset=utf-8')
        .send(`${JSON.stringify(body, undefined, 2)}\n`);
    } catch (error) {
      if (!(error instanceof ExplainError)) throw error;
      return await refuse(reply, error.unknown ? 404 : 400, error.message);
    } finally {
      running--;
    }
  };
  app.get('/v1/explain', (request, reply) => answer(request.query, reply, (ask) => server.explain(ask)));
  app.get('/v1/query', (request, reply) =>
    answer(request.query, reply, async (ask): Promise<QueryBody> => {
      const { answer, ...rest } = await server.query(ask);
      return { answer: answer === undefined ? null : Buffer.from(answer).toString('base64'), ...rest };
    }),
  );
}

function refuse(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
}

function askOf(query: Record<string, unknown>): ExplainAsk {
  const texts: Record<string, string> = {};
  for (const [word, value] of Object.entries(query)) {
    if (!WORDS.includes(word))
      throw new ExplainError(`${word}: there is no such parameter, only ${WORDS.join(', ')}`);
    if (typeof value !== 'string') throw new ExplainError(`${word}: one value is expected`);
    if (value !== '') texts[word] = value;
  }
  const { name, type, from, vpc, listener } = texts;
  if (name === undefined) throw new ExplainError('name: which name is missing');
  if (from === undefined)
    throw new ExplainError('from: whose question it is, NS/POD or an address, is missing');
  return {
    name,
    from,
    ...(type === undefined ? {} : { type }),
    ...(vpc === undefined ? {} : { vpc }),
    ...(listener === undefined ? {} : { listener }),
    tcp: flag('tcp', texts),
    operator: flag('operator', texts),
    ...numbered('size', texts),
    ...numbered('id', texts),
  };
}

function flag(word: string, texts: Record<string, string>): boolean {
  const text = texts[word] ?? '0';
  if (text !== '0' && text !== '1') throw new ExplainError(`${word}: 0 or 1 is expected`);
  return text === '1';
}

function numbered(word: 'size' | 'id', texts: Record<string, string>): { size?: number; id?: number } {
  const text = texts[word];
  if (text === undefined) return {};
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535)
    throw new ExplainError(`${word}: a whole number from 0 to 65535 is expected`);
  return { [word]: Number(text) };
}
