/** `/v1/log` and `/v1/top`: each VPC's own answers alone, the words of its parameters, and those that follow. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { logRoutes } from '../../src/admin/log.ts';
import type { Config } from '../../src/config/table.ts';
import type { LogEntry } from '../../src/server/recorded.ts';
import type { Top } from '../../src/server/top.ts';
import { ServerCore } from '../../src/server.ts';
import { encodeQuery } from '../harness/build.ts';
import { RESERVE } from '../watch/nodes.ts';

let server: ServerCore;
let admin: Admin;
let url = '';
const logged: object[] = [];

const pod = (vpc: string, name: string, ip6: string) => ({
  kind: 'pod' as const,
  vpc,
  namespace: 'web',
  name,
  ip6,
});

async function start(config: Partial<Config> = {}): Promise<void> {
  logged.length = 0;
  const logger = { info: (details: object) => void logged.push(details), warn: () => {}, error: () => {} };
  server = new ServerCore({ config: { workers: 0, forward: 'off', ...config }, reserve: RESERVE, logger });
  admin = createAdmin({
    bind: '127.0.0.1:0',
    facts: { readiness: () => server.readiness() },
    routes: [(app) => logRoutes(app, server)],
  });
  url = `http://${await admin.open()}`;
  await server.apply({
    put: [
      { kind: 'vpc', name: 'v', net6: ['fd00:a::/32'] },
      { kind: 'vpc', name: 'w', net6: ['fd00:b::/32'] },
      pod('v', 'a', 'fd00:a::1'),
      pod('v', 'only', 'fd00:a::2'),
      pod('w', 'a', 'fd00:b::1'),
    ],
  });
}

async function ask(name: string, address: string): Promise<void> {
  await server.answer(encodeQuery({ name, type: 'AAAA', edns: {} }), { address });
}

async function get(path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, text: await response.text() };
}

const names = async (path: string): Promise<string[]> =>
  (JSON.parse((await get(path)).text) as LogEntry[]).map(({ question }) => question.name);

beforeEach(() => start());
afterEach(async () => {
  await admin.close();
  await server.close(0);
});

describe('/v1/log', () => {
  it('has the failures of all, of one VPC, and below the path of a VPC of that one alone', async () => {
    await ask('mine', 'fd00:a::1');
    await ask('a', 'fd00:a::1');
    await ask('theirs', 'fd00:b::1');
    await ask('nobodys', '2001:db8::1');
    expect(await names('/v1/log')).toEqual(['mine.', 'theirs.', 'nobodys.']);
    expect(await names('/v1/log?vpc=v')).toEqual(['mine.']);
    expect(await names('/vpc/w/v1/log')).toEqual(['theirs.']);
    expect(await names('/vpc/w/v1/log?from=fd00:a::1')).toEqual([]);
    expect(await names('/vpc/w/v1/log?from=2001:db8::1')).toEqual([]);
    expect(await names('/vpc/nosuch/v1/log')).toEqual([]);
    expect((await get('/vpc/w/v1/log?vpc=v')).status).toBe(400);
    expect((await get('/vpc/w/v1/log?from=v/web/a')).status).toBe(400);
  });

  it('takes a pod by its names or an address, and what came from it before it was known', async () => {
    await ask('early', 'fd00:a::7');
    await ask('other', 'fd00:a::2');
    await server.apply({ put: [pod('v', 'late', 'fd00:a::7')] });
    await ask('soon', 'fd00:a::7');
    expect(await names('/v1/log?from=web/late')).toEqual(['early.', 'soon.']);
    expect(await names('/v1/log?from=v/web/late')).toEqual(['early.', 'soon.']);
    expect(await names('/v1/log?from=fd00:a:0::2')).toEqual(['other.']);
    expect(await names('/v1/log?n=1')).toEqual(['soon.']);
    // It is gone, and what it was told is not.
    await server.apply({ delete: [{ kind: 'pod', vpc: 'v', namespace: 'web', name: 'only' }] });
    expect(await names('/v1/log?from=web/only')).toEqual(['other.']);
    const held = JSON.parse((await get('/v1/log?from=fd00:a::7')).text) as LogEntry[];
    expect(held[0]).toMatchObject({
      client: { vpc: 'v', namespace: null, pod: null },
      answer: { outcome: 'held', rcode: 'SERVFAIL', ede: { code: 14 } },
    });
    expect(held[0]!.answer.milliseconds).toBeGreaterThan(100);
  });

  it('says what is wrong with a question', async () => {
    await expect(get('/v1/log?from=web/a')).resolves.toMatchObject({ status: 400 });
    await expect(get('/v1/log?from=a')).resolves.toMatchObject({ status: 400 });
    await expect(get('/v1/log?n=0')).resolves.toMatchObject({ status: 400 });
    await expect(get('/v1/log?fro=a')).resolves.toMatchObject({ status: 400 });
    await expect(get('/v1/top?by=type')).resolves.toMatchObject({ status: 400 });
    await expect(get('/v1/log?vpc=v&vpc=w')).resolves.toMatchObject({ status: 400 });
  });

  it('is off where nothing is recorded', async () => {
    await admin.close();
    await server.close(0);
    await start({ record: 'off' });
    await ask('mine', 'fd00:a::1');
    await expect(get('/v1/log')).resolves.toEqual({
      status: 409,
      text: 'nothing is recorded: record is off\n',
    });
    await expect(get('/v1/top')).resolves.toMatchObject({ status: 409 });
  });

  it('follows, each answer once, a VPC its own alone, and ends with the server', async () => {
    await ask('before', 'fd00:a::1');
    const response = await fetch(`${url}/vpc/v/v1/log?follow=1`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (word: string): Promise<void> => {
      while (!text.includes(word)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`ended without ${word}: ${text}`);
        text += value;
      }
    };
    await until('before.');
    for (let i = 0; i < 5; i++) {
      await ask(`n${i}`, 'fd00:a::1');
      await ask('theirs', 'fd00:b::1');
    }
    await until('n4.');
    await ask('last', 'fd00:a::1');
    await until('last.');
    const seen = text
      .trim()
      .split('\n')
      .map((row) => (JSON.parse(row) as LogEntry).question.name);
    expect(seen).toEqual(['before.', 'n0.', 'n1.', 'n2.', 'n3.', 'n4.', 'last.']);
    await admin.close();
    await expect(
      reader.read().then(
        ({ done }) => done,
        () => true,
      ),
    ).resolves.toBe(true);
  });
});

describe('/v1/top', () => {
  it('counts all answers by name, client and VPC, of all or of one VPC', async () => {
    for (let i = 0; i < 5; i++) await ask('a', 'fd00:a::1');
    for (let i = 0; i < 3; i++) await ask('nosuch', 'fd00:a::2');
    await ask('nosuch', 'fd00:b::1');
    const top = async (path: string): Promise<Top> => JSON.parse((await get(path)).text) as Top;
    const byName = await top('/v1/top');
    expect(byName).toMatchObject({ by: 'name', answers: 9, samples: 9, error: 0 });
    expect(byName.rows.map(({ key, answers, failures }) => [key, answers, failures])).toEqual([
      ['a.', 5, 0],
      ['nosuch.', 4, 4],
    ]);
    expect((await top('/v1/top?by=client&n=1')).rows).toMatchObject([
      { key: 'fd00:a::1', vpc: 'v', pod: 'web/a', answers: 5, share: 55.56 },
    ]);
    expect((await top('/v1/top?by=vpc')).rows.map(({ key, answers }) => [key, answers])).toEqual([
      ['v', 8],
      ['w', 1],
    ]);
    expect((await top('/vpc/w/v1/top?by=client')).rows.map(({ key }) => key)).toEqual(['fd00:b::1']);
  });
});

describe('the query log', () => {
  it('writes the chosen share of all answers, each once, also those that were on the way at the end', async () => {
    await admin.close();
    await server.close(0);
    await start({ logQueries: 1 });
    for (let i = 0; i < 300; i++) await ask(i % 2 === 0 ? 'a' : 'nosuch', 'fd00:a::1');
    await server.close(0);
    const queries = logged.flatMap((each) => ('query' in each ? [each.query as LogEntry] : []));
    expect(queries).toHaveLength(300);
    expect(queries[0]).toMatchObject({
      question: { name: 'a.', type: 'AAAA' },
      client: { pod: 'web/a', vpc: 'v' },
      answer: { rcode: 'NOERROR' },
    });
    await start({ logQueries: 0.5 });
    for (let id = 0; id < 600; id++)
      await server.answer(encodeQuery({ id, name: 'a', type: 'AAAA', edns: {} }), { address: 'fd00:a::1' });
    await server.close(0);
    const share = logged.filter((each) => 'query' in each).length / 600;
    expect(share).toBeGreaterThan(0.35);
    expect(share).toBeLessThan(0.65);
  });
});
