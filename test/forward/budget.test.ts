/** Upstreams are asked no more often than they may be, and whose turn it is does not depend on who asks most. */
import { describe, expect, it } from 'vitest';
import { Budgets } from '../../src/forward/upstream/budget.ts';
import { parseEndpoint } from '../../src/forward/upstream/endpoint.ts';
import { a, answerTo, makeWorld, TestClock } from './world.ts';

const UPSTREAM = parseEndpoint('192.0.2.1');

function asked(world: ReturnType<typeof makeWorld>): string[] {
  return world.sockets.asked.map(({ message }) => message.question!.name);
}

describe('the budget of an upstream', () => {
  it('in no second of any load goes more out than the rate and a tenth', () => {
    const clock = new TestClock();
    const budgets = new Budgets(900, clock);
    const sent: number[] = [];
    for (let ms = 0; ms < 3000; ms++) {
      for (let i = 0; i < 5; i++) budgets.take(UPSTREAM, i, 'c', () => sent.push(clock.now()));
      clock.advance(1);
    }
    expect(sent.length).toBeGreaterThan(2690);
    let most = 0;
    for (let first = 0, end = 0; first < sent.length; first++) {
      while (end < sent.length && sent[end]! < sent[first]! + 1000) end++;
      most = Math.max(most, end - first);
    }
    expect(most).toBeLessThanOrEqual(990);
  });

  it('a tenant that floods, whatever the number of its clients, leaves others their turns', () => {
    const clock = new TestClock();
    const budgets = new Budgets(100, clock);
    const waited: number[] = [];
    let flood = 0;
    for (let ms = 0; ms < 2000; ms++) {
      for (let i = 0; i < 3; i++) budgets.take(UPSTREAM, 1, `c${(ms * 3 + i) % 40}`, () => flood++);
      if (ms % 50 === 0) {
        const since = clock.now();
        budgets.take(UPSTREAM, 2, 'quiet', () => waited.push(clock.now() - since));
      }
      clock.advance(1);
    }
    clock.advance(100);
    expect(waited).toHaveLength(40);
    // One of the other tenant, and its own.
    expect(Math.max(...waited)).toBeLessThanOrEqual(21);
    // The flood has what is left.
    expect(flood).toBeGreaterThan(150);
  });

  it('within a tenant, clients take turns', () => {
    const clock = new TestClock();
    const budgets = new Budgets(10, clock);
    const order: string[] = [];
    budgets.take(UPSTREAM, 1, 'first', () => {});
    for (const client of ['a', 'a', 'a', 'b', 'c', 'b'])
      budgets.take(UPSTREAM, 1, client, () => order.push(client));
    clock.advance(2000);
    expect(order.join('')).toBe('abcaba');
  });

  it('who gives up its turn costs nobody one', () => {
    const clock = new TestClock();
    const budgets = new Budgets(10, clock);
    const order: string[] = [];
    budgets.take(UPSTREAM, 1, 'x', () => {});
    const ends = ['a', 'a', 'b'].map((client, i) =>
      budgets.take(UPSTREAM, i < 2 ? 1 : 2, client, () => order.push(`${client}${i}`)),
    );
    ends[0]!();
    ends[0]!();
    ends[2]!();
    clock.advance(100);
    expect(order).toEqual(['a1']);
    clock.advance(1000);
    expect(clock.pending).toBe(0);
  });

  it('each upstream has its own; those on this host have none, and 0 is none', () => {
    const clock = new TestClock();
    let ran = 0;
    const take = (budgets: Budgets, upstream: string): void =>
      void budgets.take(parseEndpoint(upstream), 1, 'c', () => ran++);
    const one = new Budgets(1, clock);
    take(one, '192.0.2.1');
    take(one, '192.0.2.2');
    expect(ran).toBe(2);
    for (let i = 0; i < 50; i++) take(one, '127.0.0.53');
    for (let i = 0; i < 50; i++) take(one, '::1');
    for (let i = 0; i < 50; i++) take(new Budgets(0, clock), '192.0.2.1');
    expect(ran).toBe(152);
    take(one, '192.0.2.1');
    expect(ran).toBe(152);
  });
});

describe('a forwarder with a budget', () => {
  it('what has waited in vain is not held against the upstream, and the client is told why', async () => {
    const world = makeWorld({ upstreams: ['192.0.2.1'], upstreamRate: 1, queriesClient: 100 });
    world.sockets.script = ({ query }) => answerTo(query, { answer: [a(60)] });
    const got = [0, 1, 2, 3, 4, 5].map((i) => world.ask({ name: `n${i}.example` }));
    for (let i = 0; i < 60; i++) {
      world.clock.advance(100);
      await Promise.resolve();
    }
    const texts = got.map(([message]) => message?.edns!.errors[0]?.text ?? '');
    expect(texts.filter((text) => text === '').length).toBeLessThan(6);
    expect(texts.at(-1)).toBe('upstream 192.0.2.1:53 was not asked, because upstream_rate leaves it no room');
    expect(world.forwarder.status().upstreams[0]).toMatchObject({ state: 'answering', reason: '' });
    expect(world.forwarder.counters).toMatchObject({
      timeouts: 0,
      failures: world.forwarder.counters.unsent,
    });
    expect(world.forwarder.counters.delayed).toBe(5);
  });

  it('a flood of one VPC to a silent upstream takes no answer of another VPC', async () => {
    const world = makeWorld({ upstreams: ['192.0.2.1'], upstreamRate: 200 });
    world.sockets.script = ({ query, message }) =>
      message.question!.name.startsWith('flood') ? undefined : answerTo(query, { answer: [a(60)] });
    const quiet: ReturnType<typeof world.ask>[] = [];
    for (let ms = 0; ms < 6000; ms += 5) {
      for (let i = 0; i < 20; i++)
        world.ask({ vpc: 'flood', clientKey: `f${i % 7}`, name: `flood${ms}-${i}.example` });
      if (ms % 50 === 0) quiet.push(world.ask({ vpc: 'quiet', clientKey: 'q', name: `q${ms}.example` }));
      world.clock.advance(5);
      await Promise.resolve();
    }
    world.clock.advance(100);
    await Promise.resolve();
    expect(quiet).toHaveLength(120);
    const answers = quiet.map(([message]) => message?.answer.length ?? 0);
    expect(answers).toEqual(new Array(120).fill(1));
    const { counters } = world.forwarder;
    expect(counters.sent).toBeLessThanOrEqual(200 * 6.1 + 20 + counters.probes);
    expect(asked(world).filter((name) => name.startsWith('flood')).length).toBeGreaterThan(900);
  });
});
