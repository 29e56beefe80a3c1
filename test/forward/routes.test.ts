/** Upstreams by suffix, through a whole server: who is asked for what, and what a change forgets. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildQuery } from '../../src/dns/build.ts';
import { encodeName } from '../../src/dns/name.ts';
import { parseQuery } from '../../src/dns/message.ts';
import { Query } from '../../src/dns/query.ts';
import { parseMessage } from '../../src/dns/print.ts';
import type { Message } from '../../src/dns/print.ts';
import { Suffixes } from '../../src/forward/routes/suffixes.ts';
import type { Vpc } from '../../src/model.ts';
import { ServerCore } from '../../src/server.ts';
import { startServer, type LoopbackServer } from './loopback-server.ts';
import { a, answerTo } from './world.ts';

describe('through a server', () => {
  const open: { close(): Promise<unknown> }[] = [];
  let server: ServerCore;
  /** They say by their address whom a client has reached. */
  let usual: LoopbackServer;
  let corp: LoopbackServer;
  let deep: LoopbackServer;

  async function upstream(last: number): Promise<LoopbackServer> {
    const one = await startServer({ udp: (query) => [answerTo(query, { answer: [a(300, last)] })] });
    open.push(one);
    return one;
  }

  function vpc(name: string, more: Partial<Vpc> = {}): Vpc {
    return { kind: 'vpc', name, net6: [], services6: [], ...more };
  }

  async function ask(name: string, scope = 'red/shop'): Promise<Message> {
    const packet = buildQuery({ name, type: 1, id: 7, edns: {} });
    return parseMessage((await server.answer(packet, { address: '127.0.0.1', scope }))!);
  }

  /** The address, or the rcode where there is none. */
  async function address(name: string, scope?: string): Promise<string> {
    const { answer, rcode } = await ask(name, scope);
    return answer[0]?.data ?? `rcode ${rcode}`;
  }

  beforeEach(async () => {
    usual = await upstream(1);
    corp = await upstream(2);
    deep = await upstream(3);
    const routes = { 'corp.example': [corp.text], 'shut.example': [], 'both.example': [corp.text] };
    server = new ServerCore({
      config: { workers: 0, upstreams: [usual.text], routes, hosts: { everywhere: ['192.0.2.99'] } },
    });
    open.push(server);
    const own = { 'deep.corp.example': [deep.text], 'both.example': [deep.text] };
    const pods = ['red', 'blue'].map((name) => {
      return { kind: 'pod' as const, vpc: name, namespace: 'shop', name: 'db', ip6: `fd0${name.length}::1` };
    });
    await server.apply({ put: [vpc('red', { forward: 'off', routes: own }), vpc('blue'), ...pods] });
  });
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  it("asks those of the longest suffix, the VPC's among equals, and the usual ones for the rest", async () => {
    expect(await address('www.corp.example')).toBe('192.0.2.2');
    expect(await address('x.deep.corp.example')).toBe('192.0.2.3');
    expect(await address('both.example')).toBe('192.0.2.3');
    expect(await address('both.example', 'blue/shop')).toBe('192.0.2.2');
    expect(await address('x.deep.corp.example', 'blue/shop')).toBe('192.0.2.2');
    expect(await address('www.example', 'blue/shop')).toBe('192.0.2.1');
    expect(await address('www.example')).toBe('rcode 3');
    expect(await address('x.shut.example', 'blue/shop')).toBe('rcode 3');
    expect(await address('everywhere', 'blue/shop')).toBe('192.0.2.99');
    expect([usual, corp, deep].map(({ udpQueries }) => udpQueries.length)).toEqual([1, 3, 2]);
  });

  it('keeps answers of both kinds, and forgets them when the VPC has other routes', async () => {
    await server.apply({ put: [vpc('red', { routes: { 'corp.example': [corp.text] } })] });
    for (let i = 0; i < 3; i++) {
      expect(await address('www.corp.example')).toBe('192.0.2.2');
      expect(await address('www.example')).toBe('192.0.2.1');
    }
    expect([usual, corp].map(({ udpQueries }) => udpQueries.length)).toEqual([1, 1]);
    await server.apply({ put: [vpc('red', { routes: { 'corp.example': [deep.text] } })] });
    expect(await address('www.corp.example')).toBe('192.0.2.3');
    await server.apply({ put: [vpc('red', { routes: { 'corp.example': [] } })] });
    expect(await address('www.corp.example')).toBe('rcode 3');
    await server.apply({ put: [vpc('red')] });
    expect(await address('www.corp.example')).toBe('192.0.2.2');
    expect(corp.udpQueries).toHaveLength(2);
  });

  it('does not leave by the usual ones what the view takes for routed', async () => {
    // As between the change of the VPC and the flip of the view.
    await address('x.deep.corp.example');
    server.outside.changed(vpc('red', { routes: {} }));
    const { rcode, edns } = await ask('both.example');
    expect(rcode).toBe(0);
    expect(edns!.errors).toEqual([]);
    await server.apply({ put: [vpc('red', { routes: { 'own.example': [deep.text] } })] });
    server.outside.changed(vpc('red', { routes: {} }));
    expect(await ask('own.example')).toMatchObject({ rcode: 2, edns: { errors: [{ code: 22 }] } });
    expect(usual.udpQueries).toHaveLength(0);
  });
});

describe('the longest suffix', () => {
  const query = new Query();
  function longest(name: string, own: string[], others: string[]): string | undefined {
    const packet = buildQuery({ name, type: 1 });
    expect(parseQuery(packet, 0, packet.length, query)).toBe(0);
    const of = (suffixes: string[], text: string) =>
      new Suffixes(Object.fromEntries(suffixes.map((suffix) => [suffix, [text]])));
    const route = of(own, 'own').longest(of(others, 'other'), query);
    return route === undefined ? undefined : `${route.upstreams[0]} ${route.suffix}`;
  }

  it.each([
    ['A.b.C', ['c'], ['b.c'], 'other b.c'],
    ['a.b.c', ['b.c'], ['b.c', 'c'], 'own b.c'],
    ['a.b.c', [], [], undefined],
    ['ab.c', ['b.c'], [], undefined],
    ['c', ['b.c'], ['c'], 'other c'],
    ['.', ['c'], ['c'], undefined],
    ['constructor', ['constructor'], [], 'own constructor'],
    ['x.toString', [], [], undefined],
  ])('of %s', (name, own, others, expected) => {
    expect(longest(name, own, others)).toBe(expected);
  });

  it('is found in the longest name that there is', () => {
    const name = Array.from({ length: 127 }, () => 'a').join('.');
    expect(encodeName(name)).toHaveLength(255);
    expect(longest(name, [name], ['a'])).toBe(`own ${name}`);
    expect(longest(name, [`b.${name.slice(2)}`], ['a'])).toBe('other a');
  });
});
