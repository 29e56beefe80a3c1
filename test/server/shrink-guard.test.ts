/** The shrink guard: a whole list that takes away too much of a VPC is held, and nothing else ever is. */
import fc from 'fast-check';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Pod, Resource, ResourceKey, ResumePoint, Sink, Source } from '../../src/model.ts';
import { ServerCore } from '../../src/server.ts';
import { zones } from '../../src/source/zones/zones.ts';
import { ManualClock, turn } from '../harness/clock.ts';
import '../seed.ts';
import { ask, RESERVE } from '../watch/nodes.ts';

const MINUTE = 60_000;

class Lists implements Source {
  readonly name: string;
  sink!: Sink;
  resume: ResumePoint | undefined;
  private revision = 0;

  constructor(name = 'lists') {
    this.name = name;
  }

  start(sink: Sink, resume?: ResumePoint): void {
    this.sink = sink;
    this.resume = resume;
    sink.state('live');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  proof(): string {
    return 'proof';
  }

  async list(resources: Iterable<Resource>): Promise<void> {
    this.sink.begin(true, String(++this.revision));
    for (const resource of resources) this.sink.put(resource);
    await this.sink.commit();
  }

  async change(puts: Resource[], deletes: ResourceKey[] = []): Promise<void> {
    this.sink.begin(false, String(++this.revision));
    for (const resource of puts) this.sink.put(resource);
    for (const key of deletes) this.sink.delete(key);
    await this.sink.commit();
  }
}

const VPCS = ['a', 'b'];
const vpcs: Resource[] = VPCS.map((name, i) => ({
  kind: 'vpc',
  name,
  net6: [`fd00:${i}::/32`],
  services6: [],
}));

function pod(vpc: string, number: number, port = 1): Pod {
  const ip6 = `fd00:${VPCS.indexOf(vpc)}::${(number + 1).toString(16)}`;
  const ports = [{ name: 'http', protocol: 'tcp' as const, port }];
  const name = `p${number}`;
  return {
    kind: 'pod',
    vpc,
    namespace: 'n',
    name,
    aid: `a${number}`,
    names: [],
    ip6,
    overlays: [],
    ports,
    ready: true,
  };
}

const pods = (vpc: string, count: number, from = 0): Pod[] =>
  Array.from({ length: count }, (_, i) => pod(vpc, from + i));
const keyOfPod = (vpc: string, number: number): ResourceKey => ({
  kind: 'pod',
  vpc,
  namespace: 'n',
  name: `p${number}`,
});

const servers: ServerCore[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function open(sources: Source[], config: object = {}) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const say = (_: object, text?: string): void => void lines.push(text ?? '');
  const server = new ServerCore({
    config: { admin: 'off', workers: 0, forward: 'off', ...config },
    sources,
    reserve: RESERVE,
    clock,
    wallClock: () => clock.wall(),
    logger: { debug: say, info: say, warn: say, error: say },
  });
  servers.push(server);
  await server.start();
  return { server, clock, lines };
}

const ask1 = (server: ServerCore, vpc: string, number: number): Promise<string> =>
  ask(server, `p${number}.n.vpc.internal`, `fd00:${VPCS.indexOf(vpc)}::ffff`);
const held = (server: ServerCore): string[] =>
  server.guard.standing().map(({ source, vpc, gone, of }) => `${source} ${vpc} ${gone}/${of}`);

describe('a whole list that takes away more than half of a VPC', () => {
  test('is held, stale and shouted; the rest of it is taken up at once; its time ends', async () => {
    const source = new Lists();
    const { server, clock, lines } = await open([source]);
    await source.list([...vpcs, ...pods('a', 20), ...pods('b', 20)]);
    await source.list([...vpcs, ...pods('a', 9), pod('a', 50), pod('a', 0, 7), ...pods('b', 10)]);
    expect(held(server)).toEqual(['lists a 11/20']);
    expect(await ask1(server, 'a', 19)).toBe('NOERROR fd00::14 3');
    expect(await ask1(server, 'a', 50)).toBe('NOERROR fd00::33 3');
    expect(await ask1(server, 'a', 60)).toBe('NXDOMAIN 19');
    expect(server.catalog.get(keyOfPod('a', 0))).toMatchObject({ ports: [{ port: 7 }] });
    expect(await ask1(server, 'b', 9)).toBe('NOERROR fd00:1::a');
    expect(await ask1(server, 'b', 19)).toBe('NXDOMAIN');
    const [problem] = await server.observing.list();
    expect(problem).toMatchObject({ kind: 'shrink', subject: 'vpc a', impact: 'wrong' });
    expect(problem!.text).toContain('lists takes away 11 of 20 pods of vpc a');
    expect(lines.join('\n')).toContain('shrink guard: lists takes away 11 of 20 pods of vpc a');
    expect(server.readiness().reasons.join()).toContain('degraded: lists takes away');
    await clock.advance(MINUTE - 1);
    expect(await ask1(server, 'a', 19)).toBe('NOERROR fd00::14 3');
    await clock.advance(1);
    expect(await ask1(server, 'a', 19)).toBe('NXDOMAIN');
    expect(await ask1(server, 'a', 0)).toBe('NOERROR fd00::1');
    expect(held(server)).toEqual([]);
    expect(server.catalog.held('lists').size).toBe(0);
    expect((await server.observing.list()).map(({ kind }) => kind)).not.toContain('shrink');
  });

  test('half of it, or all of a small one, goes at once', async () => {
    const source = new Lists();
    const { server } = await open([source]);
    await source.list([...vpcs, ...pods('a', 20), ...pods('b', 19)]);
    await source.list([...vpcs, ...pods('a', 10)]);
    expect(held(server)).toEqual([]);
    expect(server.catalog.count('pod')).toBe(10);
  });

  test('an empty one holds the VPC itself, its services and overlays', async () => {
    const source = new Lists();
    const { server, clock } = await open([source]);
    const overlay = {
      kind: 'overlay',
      vpc: 'a',
      namespace: 'n',
      name: 'o',
      aid: 'v1',
      driver: 'ipip',
    } as const;
    await source.list([...vpcs, overlay, ...pods('a', 20)]);
    await source.list([]);
    expect(await ask1(server, 'a', 3)).toBe('NOERROR fd00::4 3');
    expect(server.catalog.count('overlay')).toBe(1);
    expect(server.catalog.count('vpc')).toBe(1);
    await clock.advance(MINUTE);
    expect([
      server.catalog.count('vpc'),
      server.catalog.count('pod'),
      server.catalog.count('overlay'),
    ]).toEqual([0, 0, 0]);
  });

  test('a second list that agrees lets it through at once, also with a few more gone', async () => {
    const source = new Lists();
    const { server } = await open([source]);
    await source.list([...vpcs, ...pods('a', 40)]);
    await source.list([...vpcs, ...pods('a', 10)]);
    await source.list([...vpcs, ...pods('a', 9)]);
    expect(held(server)).toEqual([]);
    expect(server.catalog.count('pod')).toBe(9);
    expect(await ask1(server, 'a', 8)).toBe('NOERROR fd00::9');
  });

  test('a second list that names them again ends it, and what a third takes away is held anew', async () => {
    const source = new Lists();
    const { server, clock } = await open([source]);
    await source.list([...vpcs, ...pods('a', 40)]);
    await source.list([...vpcs]);
    await source.list([...vpcs, ...pods('a', 40)]);
    expect(held(server)).toEqual([]);
    expect(await ask1(server, 'a', 8)).toBe('NOERROR fd00::9');
    await clock.advance(MINUTE / 2);
    await source.list([...vpcs]);
    await clock.advance(MINUTE / 2);
    expect(held(server)).toEqual(['lists a 40/40']);
    await clock.advance(MINUTE / 2);
    expect(held(server)).toEqual([]);
    expect(server.catalog.count('pod')).toBe(0);
  });

  test('an operator lets it through, of one source or of all', async () => {
    const [one, two] = [new Lists('one'), new Lists('two')];
    const { server } = await open([one, two]);
    await one.list([vpcs[0]!, ...pods('a', 20)]);
    await two.list([vpcs[1]!, ...pods('b', 20)]);
    await one.list([]);
    await two.list([]);
    expect(server.guard.accept('none')).toEqual([]);
    expect(server.guard.accept('two').map(({ vpc }) => vpc)).toEqual(['b']);
    await server.settled();
    expect(held(server)).toEqual(['one a 20/20']);
    expect(server.guard.accept().map(({ vpc }) => vpc)).toEqual(['a']);
    await server.settled();
    expect(server.catalog.count('pod')).toBe(0);
    expect(server.guard.accept()).toEqual([]);
  });

  test('what the stream says afterwards counts: a put makes it fresh, a deletion takes it', async () => {
    const source = new Lists();
    const { server, clock } = await open([source]);
    await source.list([...vpcs, ...pods('a', 20)]);
    await source.list([...vpcs]);
    // The same content as the one that is held, and a kept version.
    await source.change([pod('a', 1)], [keyOfPod('a', 2)]);
    source.sink.begin(false, '9');
    expect(source.sink.keep(keyOfPod('a', 3))).toBe(true);
    await source.sink.commit();
    expect(await ask1(server, 'a', 2)).toBe('NXDOMAIN 19');
    await clock.advance(MINUTE);
    expect([...server.catalog.list('pod')].map((one) => one.name).sort()).toEqual(['p1', 'p3']);
  });

  test('deletions one by one are never held, and end what was held', async () => {
    const source = new Lists();
    const { server } = await open([source]);
    await source.list([...vpcs, ...pods('a', 20)]);
    await source.list([...vpcs]);
    for (let i = 0; i < 20; i++) await source.change([], [keyOfPod('a', i)]);
    expect(held(server)).toEqual([]);
    expect(server.catalog.count('pod')).toBe(0);
    await source.list([...vpcs, ...pods('a', 20)]);
    await source.change(
      [],
      Array.from({ length: 20 }, (_, i) => keyOfPod('a', i)),
    );
    expect(held(server)).toEqual([]);
    expect(server.catalog.count('pod')).toBe(0);
  });

  test('a list that is rolled back changes nothing of it, and one under way delays its end', async () => {
    const source = new Lists();
    const { server, clock } = await open([source]);
    await source.list([...vpcs, ...pods('a', 20)]);
    await source.list([...vpcs]);
    source.sink.begin(true, '7');
    for (const one of pods('a', 20)) source.sink.put(one);
    await clock.advance(MINUTE);
    expect(server.catalog.count('pod')).toBe(20);
    source.sink.rollback();
    expect(held(server)).toEqual(['lists a 20/20']);
    await clock.advance(1000);
    expect(server.catalog.count('pod')).toBe(0);
  });

  test('pods that another source gives too are not taken away', async () => {
    const [one, two] = [new Lists('one'), new Lists('two')];
    const { server } = await open([one, two]);
    await one.list([...vpcs, ...pods('a', 20)]);
    await two.list([...vpcs, ...pods('a', 20)]);
    await two.list([]);
    await one.list([...vpcs]);
    expect(held(server)).toEqual(['one a 20/20']);
    await two.list([...pods('a', 20)]);
    await one.list([...vpcs, ...pods('a', 20)]);
    await one.list([...vpcs]);
    expect(held(server)).toEqual([]);
    expect(await ask1(server, 'a', 19)).toBe('NOERROR fd00::14');
  });

  test('goes at once where the guard is off', async () => {
    const source = new Lists();
    const { server } = await open([source], { shrinkGuard: false });
    await source.list([...vpcs, ...pods('a', 20)]);
    await source.list([...vpcs]);
    expect(server.catalog.count('pod')).toBe(0);
  });

  test('is compared with the saved view after a restart, and a held one is not resumed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-shrink-'));
    folders.push(folder);
    const first = new Lists();
    const { server } = await open([first], { state: folder });
    await first.list([...vpcs, ...pods('a', 20)]);
    await first.list([...vpcs]);
    await server.close(0);
    servers.pop();
    const second = new Lists();
    const again = await open([second], { state: folder });
    expect(second.resume).toBeUndefined();
    await second.list([...vpcs]);
    expect(held(again.server)).toEqual(['lists a 20/20']);
    expect(await ask1(again.server, 'a', 1)).toBe('NOERROR fd00::2 3');
    await again.clock.advance(MINUTE);
    expect(again.server.catalog.count('pod')).toBe(0);
    await again.server.close(0);
    servers.pop();
    const third = new Lists();
    await open([third], { state: folder });
    expect(third.resume).toEqual({ revision: '1', proof: 'proof' });
  });
});

describe('a zones directory', () => {
  const names = (vpc: string, count: number): string =>
    Array.from(
      { length: count },
      (_, i) => `      p${i}: { ip6: "fd00:${VPCS.indexOf(vpc)}::${(i + 1).toString(16)}" }`,
    ).join('\n');
  const file = (vpc: string, count: number): string =>
    `vpc: ${vpc}\nnet6: ["fd00:${VPCS.indexOf(vpc)}::/32"]\nnamespaces:\n  n:\n    pods:\n${names(vpc, count)}\n`;

  async function serveFiles(config: object = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'podns-shrink-'));
    folders.push(folder);
    const put = (vpc: string, count: number): void =>
      writeFileSync(join(folder, `${vpc}.yaml`), file(vpc, count));
    put('a', 20);
    put('b', 20);
    // Events never come: the test says when the folder is read.
    const watch = () => Object.assign(new EventEmitter(), { close: () => undefined }) as never;
    const options = { watch, poll: 1e9 };
    const opened = await open([zones(folder, options)], config);
    await opened.server.reload();
    return { folder, put, ...opened };
  }

  test('loses at once what a person removes from it: a record, most of a file, a file', async () => {
    const { server, folder, put } = await serveFiles();
    expect(server.catalog.count('pod')).toBe(40);
    put('a', 2);
    await server.reload();
    expect(server.catalog.count('pod')).toBe(22);
    rmSync(join(folder, 'b.yaml'));
    await server.reload();
    expect(server.catalog.count('pod')).toBe(2);
    expect(held(server)).toEqual([]);
  });

  test('is held when it is empty of a sudden, until it is read again or filled', async () => {
    const { server, folder, put } = await serveFiles();
    for (const vpc of VPCS) rmSync(join(folder, `${vpc}.yaml`));
    await server.reload();
    expect(held(server).map((text) => text.split(' ').slice(1).join(' '))).toEqual(['a 20/20', 'b 20/20']);
    put('a', 20);
    await server.reload();
    expect(held(server)).toEqual([]);
    expect(await ask1(server, 'a', 19)).toBe('NOERROR fd00::14');
    rmSync(join(folder, 'a.yaml'));
    await server.reload();
    await server.reload();
    expect(server.catalog.count('pod')).toBe(0);
  });

  test('is compared with the saved view at the start', async () => {
    const state = mkdtempSync(join(tmpdir(), 'podns-shrink-'));
    folders.push(state);
    const { server, folder } = await serveFiles({ state });
    await server.close(0);
    servers.pop();
    rmSync(join(folder, 'a.yaml'));
    const again = await open([zones(folder)], { state });
    while (!again.server.readiness().ready || again.server.guard.standing().length === 0) await turn();
    expect(held(again.server).map((text) => text.split(' ').slice(1).join(' '))).toEqual(['a 20/20']);
    expect(await ask1(again.server, 'a', 19)).toBe('NOERROR fd00::14 3');
  });
});

type Step =
  | { do: 'list'; named: [vpc: string, number: number, port: number][] }
  | { do: 'put' | 'delete'; vpc: string; number: number; port: number }
  | { do: 'accept' }
  | { do: 'wait'; ms: number };

interface Modelled {
  port: number;
  held: boolean;
}

/** The rule in its plainest form. */
class Model {
  readonly vpcs = new Map(VPCS.map((vpc) => [vpc, new Map<number, Modelled>()]));
  readonly until = new Map<string, number>();
  now = 0;

  apply(step: Step): void {
    if (step.do === 'list') {
      for (const vpc of VPCS)
        this.list(vpc, new Map(step.named.flatMap(([v, n, p]) => (v === vpc ? [[n, p]] : []))));
    } else if (step.do === 'put') this.vpcs.get(step.vpc)!.set(step.number, { port: step.port, held: false });
    else if (step.do === 'delete') this.vpcs.get(step.vpc)!.delete(step.number);
    else if (step.do === 'wait') this.now += step.ms;
    for (const vpc of VPCS) {
      if (step.do === 'accept' || this.now >= (this.until.get(vpc) ?? Infinity)) this.drop(vpc);
      if ([...this.vpcs.get(vpc)!.values()].every((one) => !one.held)) this.until.delete(vpc);
    }
  }

  private list(vpc: string, named: Map<number, number>): void {
    const all = this.vpcs.get(vpc)!;
    for (const [number, one] of [...all]) if (one.held && !named.has(number)) all.delete(number);
    const gone = [...all].filter(([number]) => !named.has(number));
    const isHeld = all.size >= 20 && gone.length * 2 > all.size;
    for (const [number, one] of gone) {
      if (isHeld) one.held = true;
      else all.delete(number);
    }
    for (const [number, port] of named) all.set(number, { port, held: false });
    if (isHeld) this.until.set(vpc, this.now + MINUTE);
    else this.until.delete(vpc);
  }

  private drop(vpc: string): void {
    const all = this.vpcs.get(vpc)!;
    for (const [number, one] of [...all]) if (one.held) all.delete(number);
  }

  text(): string {
    return VPCS.map((vpc) => {
      const all = [...this.vpcs.get(vpc)!].sort(([a], [b]) => a - b);
      const named = all.map(([number, { port }]) => `p${number}:${port}`);
      return `${vpc} ${this.until.has(vpc) ? 'held' : 'fresh'} ${named.join(' ')}`;
    }).join('\n');
  }
}

const port = fc.integer({ min: 1, max: 3 });
const vpcOf = fc.constantFrom(...VPCS);
/** Lists keep about as much as the threshold is about. */
const named = fc
  .tuple(fc.array(fc.integer({ min: 0, max: 59 }), { maxLength: 20 }), fc.integer({ min: 0, max: 45 }), port)
  .map(([odd, upTo, each]) => {
    const numbers = new Set([...Array.from({ length: upTo }, (_, i) => i), ...odd]);
    return [...numbers].map((number) => [number, each] as const);
  });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(named, named).map(([a, b]): Step => {
      const of = (vpc: string, list: (readonly [number, number])[]) =>
        list.map(([number, each]): [string, number, number] => [vpc, number, each]);
      return { do: 'list', named: [...of('a', a), ...of('b', b)] };
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record<Step & { do: 'put' | 'delete' }>({
      do: fc.constantFrom('put', 'delete'),
      vpc: vpcOf,
      number: fc.integer({ min: 0, max: 59 }),
      port,
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'accept' }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(1, 20_000, 59_999, MINUTE).map((ms): Step => ({ do: 'wait', ms })),
  },
);

async function play(server: ServerCore, source: Lists, clock: ManualClock, one: Step): Promise<void> {
  if (one.do === 'list') await source.list([...vpcs, ...one.named.map(([v, n, p]) => pod(v, n, p))]);
  else if (one.do === 'put') await source.change([pod(one.vpc, one.number, one.port)]);
  else if (one.do === 'delete') await source.change([], [keyOfPod(one.vpc, one.number)]);
  else if (one.do === 'accept') server.guard.accept();
  else if (one.do === 'wait') await clock.advance(one.ms);
  await server.settled();
}

function textOf(server: ServerCore): string {
  const standing = new Set(server.guard.standing().map(({ vpc }) => vpc));
  return VPCS.map((vpc) => {
    const all = [...server.catalog.list('pod', { vpc })] as Pod[];
    const numbers = all.map((one) => [Number(one.name.slice(1)), one.ports[0]!.port] as const);
    const texts = numbers.sort(([a], [b]) => a - b).map(([number, each]) => `p${number}:${each}`);
    return `${vpc} ${standing.has(vpc) ? 'held' : 'fresh'} ${texts.join(' ')}`;
  }).join('\n');
}

test('lists, changes, acceptance and time in any order leave what the rule says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const source = new Lists();
      const { server, clock } = await open([source]);
      const model = new Model();
      await source.list(vpcs);
      for (const one of steps) {
        await play(server, source, clock, one);
        model.apply(one);
        expect(textOf(server)).toBe(model.text());
        for (const [i, vpc] of VPCS.entries()) {
          const isStale = (await ask(server, 'none.n.vpc.internal', `fd00:${i}::ffff`)).endsWith(' 19');
          expect(isStale).toBe(model.until.has(vpc));
        }
      }
      await turn();
      await server.close(0);
      servers.pop();
    }),
    { numRuns: 60 },
  );
});
