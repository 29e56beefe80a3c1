/** What the same question is answered before, during and after things happen (contract sections 3 and 6), on a clock of the test's own. */
import { afterEach, describe, expect, test } from 'vitest';
import { createServer, type PodnsServer } from '../../src/index.ts';
import type { Resource, Sink, Source } from '../../src/model.ts';
import { encodeQuery, type QueryParts } from '../harness/build.ts';
import { ManualClock, turn } from '../harness/clock.ts';
import { resourcesOf } from '../harness/fixture.ts';
import { parseWire, type WireMessage } from '../harness/wire.ts';
import { rcodeText } from './judge.ts';

/** A source that says what the test tells it to. */
class ToldSource implements Source {
  readonly name = 'told:test';
  sink!: Sink;

  start(sink: Sink): void {
    this.sink = sink;
  }

  async close(): Promise<void> {}

  async list(resources: Resource[], revision = '1'): Promise<void> {
    this.sink.state('live');
    this.sink.begin(true, revision);
    for (const resource of resources) this.sink.put(resource);
    await this.sink.commit();
  }

  async put(resources: Resource[], revision: string): Promise<void> {
    this.sink.begin(false, revision);
    for (const resource of resources) this.sink.put(resource);
    await this.sink.commit();
  }
}

const zone = {
  vpc: 'aep',
  net6: ['fdfd:1a8::/48'],
  forward: 'off' as const,
  namespaces: { shop: { pods: { app: { ip6: 'fdfd:1a8::1' } } } },
};
const newcomer = resourcesOf({
  vpc: 'aep',
  namespaces: { shop: { pods: { late: { ip6: 'fdfd:1a8::2' } } } },
}).filter((resource) => resource.kind === 'pod');

/** `NXDOMAIN 19`: rcode and EDE; addresses for an answer that has some. */
function summary(message: WireMessage): string {
  const ede = message.edns?.options.find((option) => option.code === 15);
  const code = ede === undefined ? '' : ` ${(ede.data[0]! << 8) | ede.data[1]!}`;
  const records = message.answer.map((record) => ` ${record.text}`).join('');
  return `${rcodeText(message.rcode)}${records}${code}`;
}

describe('over time', () => {
  const clock = new ManualClock();
  let server: PodnsServer | undefined;
  let source: ToldSource;

  afterEach(async () => {
    await server?.close(0);
  });

  async function start(resources?: Resource[]): Promise<void> {
    source = new ToldSource();
    server = createServer({
      config: { listen: [], forward: 'off' },
      sources: [source],
      clock,
      wallClock: () => clock.wall(),
      reserve: { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 },
    });
    await server.start();
    if (resources !== undefined) await source.list(resources);
  }

  /** The answer, when it comes; `settled` says whether it has come. */
  function ask(
    from: string,
    name: string,
    parts: Partial<QueryParts> = {},
    scope = '',
  ): { answer: Promise<string>; settled: () => boolean } {
    let done = false;
    const query = encodeQuery({ name, type: 'AAAA', edns: {}, ...parts });
    const reply = Promise.resolve(server!.answer(query, { address: from, port: 4000, scope }));
    const answer = reply.then((bytes) => {
      done = true;
      return bytes === undefined ? 'silence' : summary(parseWire(bytes));
    });
    return { answer, settled: () => done };
  }

  test('a query before the first view waits for it', async () => {
    await start();
    const one = ask('fdfd:1a8::1', 'app');
    await clock.advance(1_000);
    expect(one.settled()).toBe(false);
    await source.list(resourcesOf(zone));
    expect(await one.answer).toBe('NOERROR fdfd:1a8::1');
  });

  test('a query before the first view fails after 1.5 s, never by NXDOMAIN', async () => {
    await start();
    const missing = ask('fdfd:1a8::1', 'nosuch');
    const outside = ask('fdfd:1a8::1', 'www.example.com');
    await clock.advance(1_400);
    expect([missing.settled(), outside.settled()]).toEqual([false, false]);
    await clock.advance(200);
    expect(await missing.answer).toBe('SERVFAIL 14');
    expect(await outside.answer).toBe('SERVFAIL 14');
  });

  test('an unknown pod gets its answer when its event arrives', async () => {
    await start(resourcesOf(zone));
    const one = ask('fdfd:1a8::2', 'app');
    await clock.advance(200);
    expect(one.settled()).toBe(false);
    await source.put(newcomer, '2');
    expect(await one.answer).toBe('NOERROR fdfd:1a8::1');
  });

  test('an unknown pod waits 300 ms, then not again, and after 5 s its names do not exist', async () => {
    await start(resourcesOf(zone));
    const one = ask('fdfd:1a8::9', 'app');
    await clock.advance(250);
    expect(one.settled()).toBe(false);
    await clock.advance(100);
    expect(await one.answer).toBe('SERVFAIL 14');
    const two = ask('fdfd:1a8::9', 'app');
    await turn();
    expect(two.settled()).toBe(true);
    expect(await two.answer).toBe('SERVFAIL 14');
    await clock.advance(5_000);
    const three = ask('fdfd:1a8::9', 'app');
    await turn();
    expect(three.settled()).toBe(true);
    expect(await three.answer).toBe('NXDOMAIN 14');
    await source.put(newcomer, '2');
    expect(await ask('fdfd:1a8::2', 'late').answer).toBe('NOERROR fdfd:1a8::2');
  });

  test('an unknown pod waits with what may lie below a name of its namespace', async () => {
    await start(resourcesOf(zone));
    const outside = ask('fdfd:1a8::9', 'www.example.com');
    const replica = ask('fdfd:1a8::9', 'app-0.app-1');
    const port = ask('fdfd:1a8::9', '_http._tcp.app-0.app-1', { type: 'SRV' });
    await turn();
    expect(await outside.answer).toBe('NXDOMAIN 15');
    expect([replica.settled(), port.settled()]).toEqual([false, false]);
    await clock.advance(350);
    expect(await replica.answer).toBe('SERVFAIL 14');
    expect(await port.answer).toBe('SERVFAIL 14');
    await clock.advance(5_000);
    expect(await ask('fdfd:1a8::9', 'app-0.app-1').answer).toBe('NXDOMAIN 15');
  });

  test('an unknown pod does not turn to NXDOMAIN while the source is lost', async () => {
    await start(resourcesOf(zone));
    source.sink.state('lost', 'cut');
    const one = ask('fdfd:1a8::9', 'app');
    await clock.advance(6_000);
    expect(await one.answer).toBe('SERVFAIL 14');
    const two = ask('fdfd:1a8::9', 'app');
    await clock.advance(400);
    expect(await two.answer).toMatch(/^SERVFAIL 14/);
  });

  test('retransmissions replace their twin, and so never fill the room for held queries', async () => {
    await start(resourcesOf(zone));
    const all = Array.from({ length: 200 }, () => ask('fdfd:1a8::9', 'app', { id: 77 }));
    const last = all.at(-1)!;
    await turn();
    expect(last.settled()).toBe(false);
    // Whoever carried the earlier ones is told that no answer will come.
    for (const earlier of all.slice(0, -1)) expect(await earlier.answer).toBe('silence');
    await clock.advance(350);
    expect(await last.answer).toBe('SERVFAIL 14');
  });

  test('too many held queries of one source fail at once', async () => {
    await start(resourcesOf(zone));
    const all = Array.from({ length: 200 }, (_, id) => ask('fdfd:1a8::9', `n${id}`, { id }));
    await turn();
    const settled = all.filter((one) => one.settled());
    expect(settled.length).toBeGreaterThan(0);
    expect(settled.length).toBeLessThan(200);
    for (const one of settled) expect(await one.answer).toBe('SERVFAIL 14');
    await clock.advance(400);
    for (const one of all) expect(await one.answer).toBe('SERVFAIL 14');
  });

  test('a lost source: the last view for ever, marked after 30 s, and clean again', async () => {
    await start(resourcesOf(zone));
    expect(await ask('fdfd:1a8::1', 'app').answer).toBe('NOERROR fdfd:1a8::1');
    source.sink.state('lost', 'connection refused');
    // The server looks once a second by the system's timer: a change of state makes it look now.
    expect(await ask('fdfd:1a8::1', 'app').answer).toBe('NOERROR fdfd:1a8::1');
    await clock.advance(31_000);
    source.sink.state('lost', 'connection refused again');
    expect(await ask('fdfd:1a8::1', 'app').answer).toBe('NOERROR fdfd:1a8::1 3');
    expect(await ask('fdfd:1a8::1', 'nosuch').answer).toBe('NXDOMAIN 19');
    expect(await ask('fdfd:1a8::1', 'app', { edns: undefined }).answer).toBe('NOERROR fdfd:1a8::1');
    await clock.advance(24 * 3_600_000);
    source.sink.state('lost', 'still');
    expect(await ask('fdfd:1a8::1', 'app').answer).toBe('NOERROR fdfd:1a8::1 3');
    await source.list(resourcesOf(zone), '2');
    expect(await ask('fdfd:1a8::1', 'app').answer).toBe('NOERROR fdfd:1a8::1');
  });

  test('a full list takes away what it does not name', async () => {
    await start([...resourcesOf(zone), ...newcomer]);
    expect(await ask('fdfd:1a8::1', 'late').answer).toBe('NOERROR fdfd:1a8::2');
    await source.list(resourcesOf(zone), '3');
    expect(await ask('fdfd:1a8::1', 'late').answer).toBe('NXDOMAIN');
    expect(await ask('fdfd:1a8::1', 'app').answer).toBe('NOERROR fdfd:1a8::1');
  });

  test('an open transaction is not seen', async () => {
    await start(resourcesOf(zone));
    source.sink.begin(false, '2');
    for (const resource of newcomer) source.sink.put(resource);
    expect(await ask('fdfd:1a8::1', 'late').answer).toBe('NXDOMAIN');
    source.sink.rollback();
    expect(await ask('fdfd:1a8::1', 'late').answer).toBe('NXDOMAIN');
  });

  test('the serial of one VPC does not move with another', async () => {
    await start([
      ...resourcesOf(zone),
      { kind: 'vpc', name: 'other', net6: ['fdfd:2b8::/48'], services6: [] },
    ]);
    const serial = async (): Promise<string> => {
      const query = encodeQuery({ name: 'vpc.internal', type: 'SOA' });
      const bytes = await server!.answer(query, { address: 'fdfd:1a8::1' });
      return parseWire(bytes!).answer[0]!.text;
    };
    const before = await serial();
    await clock.advance(60_000);
    const theirs = resourcesOf({ vpc: 'other', namespaces: { n: { pods: { p: { ip6: 'fdfd:2b8::1' } } } } });
    await source.put(theirs.slice(2), '2');
    expect(await serial()).toBe(before);
    await source.put(newcomer, '3');
    expect(await serial()).not.toBe(before);
  });
});
