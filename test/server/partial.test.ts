/** A source that never delivers: what others give is given, nothing is denied, and whole VPCs are as they always are. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Pod, Resource, Sink, Source } from '../../src/model.ts';
import { ServerCore } from '../../src/server.ts';
import { ManualClock } from '../harness/clock.ts';
import { ask, pod, RESERVE } from '../watch/nodes.ts';

class Said implements Source {
  readonly name: string;
  readonly vpcs?: string[];
  sink!: Sink;

  constructor(name: string, vpcs?: string[]) {
    this.name = name;
    if (vpcs !== undefined) this.vpcs = vpcs;
  }

  start(sink: Sink): void {
    this.sink = sink;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async list(resources: Resource[]): Promise<void> {
    this.sink.begin(true, '1');
    for (const resource of resources) this.sink.put(resource);
    this.sink.state('live');
    await this.sink.commit();
  }
}

const vpc = (name: string, prefix: string): Resource => ({
  kind: 'vpc',
  name,
  net6: [prefix],
  services6: [],
});
const a = [vpc('a', 'fd0a::/48'), pod('db', 'fd0a::1', { vpc: 'a' }), pod('web', 'fd0a::2', { vpc: 'a' })];
const b = [vpc('b', 'fd0b::/48'), pod('db', 'fd0b::1', { vpc: 'b' })];
const attached: Pod = pod('four', 'fd0a::4', {
  vpc: 'a',
  overlays: [{ overlay: 'o', ip4: '10.0.0.4', pinned: true }],
});

const servers: ServerCore[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

async function open(...sources: Source[]) {
  const clock = new ManualClock();
  const server = new ServerCore({
    config: { workers: 0, forward: 'on', upstreams: ['127.0.0.1:9'] },
    sources,
    reserve: RESERVE,
    clock,
    wallClock: () => clock.wall(),
  });
  servers.push(server);
  await server.start();
  /** The answer, also if it comes only when all holds are over. */
  const asked = async (name: string, address: string, type?: string): Promise<string> => {
    const answer = ask(server, name, address, type);
    await clock.advance(2000);
    return answer;
  };
  return { server, clock, asked };
}

describe('while one source that can describe any VPC has never delivered', () => {
  test('what there is is given as stale; nothing is denied, refused or forwarded', async () => {
    const [one, two] = [new Said('one'), new Said('two')];
    const { server, asked } = await open(one, two);
    expect(await asked('db', 'fd0a::2')).toBe('SERVFAIL 14');
    await one.list([...a, attached]);
    expect(server.readiness().ready).toBe(false);
    expect(await asked('db', 'fd0a::2')).toBe('NOERROR fd0a::1 3');
    expect(
      await asked(
        '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.0.d.f.ip6.arpa',
        'fd0a::2',
        'PTR',
      ),
    ).toMatch(/^NOERROR db\.n\.vpc\.internal\.? 3$/);
    // A name that the other source may have, a type that it may have, an outside name, and a client that it may know.
    expect(await asked('cache', 'fd0a::2')).toBe('SERVFAIL 14');
    expect(await asked('db', 'fd0a::2', 'A')).toBe('SERVFAIL 14');
    expect(await asked('example.com', 'fd0a::2')).toBe('SERVFAIL 14');
    expect(await asked('db', 'fd0b::1')).toBe('SERVFAIL 14');
    // The only VPC that is known may not be the only one.
    expect(await asked('db', '10.0.0.4')).toBe('SERVFAIL 14');
    await two.list(b);
    expect(await asked('db', 'fd0a::2')).toBe('NOERROR fd0a::1');
    expect(await asked('cache', 'fd0a::2')).toBe('NXDOMAIN');
    expect(await asked('db', 'fd0b::1')).toBe('NOERROR fd0b::1');
  });

  test('what is held is answered as soon as the missing one delivers', async () => {
    const [one, two] = [new Said('one'), new Said('two')];
    const { server } = await open(one, two);
    await one.list(a);
    const answer = ask(server, 'cache', 'fd0a::2');
    await two.list([pod('cache', 'fd0a::9', { vpc: 'a' })]);
    expect(await answer).toBe('NOERROR fd0a::9');
  });
});

describe('while a source of another VPC has never delivered', () => {
  test('a VPC that it cannot describe is whole: denied, refused and fresh as always', async () => {
    const [one, two] = [new Said('one', ['a']), new Said('two', ['b'])];
    const { server, clock, asked } = await open(one, two);
    await one.list(a);
    // The look after the one that has found it.
    for (let i = 0; i < 2; i++) {
      await clock.advance(1000);
      (server as unknown as { staleness: { look(): void } }).staleness.look();
    }
    expect(await asked('db', 'fd0a::2')).toBe('NOERROR fd0a::1');
    expect(await asked('cache', 'fd0a::2')).toBe('NXDOMAIN');
    expect(await asked('db', 'fd0a::2', 'A')).toBe('NOERROR');
    expect(await asked('db', 'fd0b::1')).toBe('SERVFAIL 14');
    await two.list(b);
    expect(await asked('db', 'fd0b::1')).toBe('NOERROR fd0b::1');
  });
});
