/** `/v1/explain` and `/v1/query`: what they answer, and what they refuse. */
import { afterEach, describe, expect, it } from 'vitest';
import type { QueryBody } from '../../src/admin/explain.ts';
import type { Explanation } from '../../src/index.ts';
import { parseWire } from '../harness/wire.ts';
import { CLIENT, Node, pod, RESERVE, VPC } from '../watch/nodes.ts';

let node: Node;
afterEach(() => node.close());

async function start(): Promise<void> {
  node = await new Node({ config: { workers: 0, forward: 'off' }, reserve: RESERVE }).start();
  await node.server.apply({ put: [VPC, CLIENT, pod('db', 'fd00::2')] });
}

async function get(path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${node.url}/v1/${path}`);
  return { status: response.status, text: await response.text() };
}

it('explain and answer', async () => {
  await start();
  const explained = await get('explain?name=db&from=n/client&id=7');
  expect(explained.status).toBe(200);
  const { answer, client } = JSON.parse(explained.text) as Explanation;
  expect(client.pod).toBe('n/client');
  expect(answer.records).toEqual(['db. 1 IN AAAA fd00::2']);
  const queried = await get('query?name=db&from=n/client&id=7');
  const body = JSON.parse(queried.text) as QueryBody;
  expect(body.answer).toBe(answer.wire);
  expect(body.milliseconds).toBeGreaterThanOrEqual(0);
  const wire = parseWire(Buffer.from(body.answer!, 'base64'));
  expect(wire.answer.map(({ text }) => text)).toEqual(['fd00::2']);
});

it('pass on how it is asked', async () => {
  await start();
  const words = 'type=a&tcp=1&size=512&vpc=v&listener=127.0.0.1:53@v/n&operator=1';
  const { text } = await get(`explain?name=db&from=n/client&${words}`);
  const { question, client } = JSON.parse(text) as Explanation;
  expect(question).toEqual({ name: 'db.', type: 'A', protocol: 'tcp', size: 65535 });
  expect(client.listener).toBe('127.0.0.1:53@v/n');
});

describe('refuse', () => {
  it.each([
    ['explain?from=n/client', 400, 'name: which name is missing'],
    ['explain?name=db', 400, 'from: whose question it is, NS/POD or an address, is missing'],
    ['explain?name=db&from=n/client&nmae=x', 400, 'nmae: there is no such parameter'],
    ['explain?name=db&name=x&from=n/client', 400, 'name: one value is expected'],
    ['explain?name=db&from=n/client&tcp=yes', 400, 'tcp: 0 or 1 is expected'],
    ['explain?name=db&from=n/client&size=99999', 400, 'size: a whole number from 0 to 65535'],
    ['query?name=db&from=n/nobody', 404, 'there is no pod n/nobody'],
  ])('%s', async (path, status, text) => {
    await start();
    const refused = await get(path);
    expect(refused.status).toBe(status);
    expect(refused.text).toContain(text);
  });

  it('more at once than are worked on', async () => {
    await start();
    const all = await Promise.all(Array.from({ length: 60 }, () => get('explain?name=nosuch&from=n/client')));
    const statuses = new Set(all.map(({ status }) => status));
    expect([...statuses].every((status) => status === 200 || status === 503)).toBe(true);
    expect(statuses.has(200)).toBe(true);
    expect((await get('explain?name=db&from=n/client')).status).toBe(200);
  });
});
