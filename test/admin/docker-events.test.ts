/** Docker's events: what a change is called, to whom it is told, since when, and that none is lost. */
import http from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { DockerEvents, type DockerEvent } from '../../src/admin/docker/events.ts';
import { Known, type Happening } from '../../src/admin/docker/known.ts';
import { impliedOverlay } from '../../src/source/validate/names.ts';
import { keyOf, type Overlay, type Pod } from '../../src/model.ts';
import { eventually, pod } from '../watch/nodes.ts';
import { DockerNode } from './docker-harness.ts';

const at = (overlay: string, ip4: string) => ({ overlay, ip4, pinned: true });
const overlay = (name: string, more: Partial<Overlay> = {}): Overlay => ({
  kind: 'overlay',
  vpc: 'v',
  namespace: 'n',
  name,
  aid: `v${name}`,
  driver: 'ipip',
  ...more,
});
const key = (kind: 'pod' | 'overlay', name: string, vpc = 'v') => ({ kind, vpc, namespace: 'n', name });

interface Message {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: string;
  time: number;
  timeNano: number;
  status?: string;
  id?: string;
}

const short = ({ Type, Action, Actor }: Message): string => `${Type} ${Action} ${Actor.Attributes['name']}`;
const shortly = ({ type, action, attributes }: Happening): string =>
  `${type} ${action} ${attributes['name']}`;

describe('a change is called', () => {
  const told: string[] = [];
  const known = new Known((happening) => void told.push(shortly(happening)));
  const after = (change: () => void): string[] => {
    told.length = 0;
    change();
    return [...told];
  };

  it('as Docker would', () => {
    const a = pod('a', 'fd00::1', { overlays: [at('front', '10.0.0.2')] });
    expect(after(() => known.put(a))).toEqual([
      'container create n/a',
      'network create n/front',
      'network connect n/front',
      'container start n/a',
    ]);
    expect(after(() => known.put({ ...a }))).toEqual([]);
    expect(
      after(() => known.put({ ...a, overlays: [at('front', '10.0.0.3'), at('back', '10.9.0.1')] })),
    ).toEqual([
      // Nobody but this pod keeps it.
      'network disconnect n/front',
      'network destroy n/front',
      'network create n/front',
      'network connect n/front',
      'network create n/back',
      'network connect n/back',
    ]);
    expect(after(() => known.put(overlay('front', { net4: '10.0.0.0/24' })))).toEqual([
      'network destroy n/front',
      'network create n/front',
    ]);
    expect(after(() => known.put(overlay('front', { net4: '10.1.0.0/24' })))).toEqual([
      'network update n/front',
    ]);
    const b = { ...a, ready: false };
    expect(after(() => known.put(b))).toEqual([
      'network disconnect n/front',
      'network disconnect n/back',
      'network destroy n/back',
      'network connect n/front',
      'container health_status: unhealthy n/a',
    ]);
    expect(after(() => known.put({ ...b, ready: true }))).toEqual(['container health_status: healthy n/a']);
    expect(after(() => known.put({ ...b, ready: true, names: ['x'] }))).toEqual(['container update n/a']);
    expect(after(() => known.put({ ...a, names: ['x'], aid: 'other' }))[0]).toBe('container die n/a');
    expect(after(() => known.delete(key('pod', 'a')))).toEqual([
      'container die n/a',
      'network disconnect n/front',
      'container destroy n/a',
    ]);
    expect(after(() => known.delete(key('overlay', 'front')))).toEqual(['network destroy n/front']);
    expect(after(() => known.delete(key('pod', 'a')))).toEqual([]);
  });
});

describe('whoever follows the events', () => {
  it('knows what there is', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const place = fc.record({
      overlay: fc.constantFrom('x', 'y'),
      ip4: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    });
    const change = fc.oneof(
      fc.record({
        put: fc.constant('pod' as const),
        name,
        aid: fc.constantFrom('p1', 'p2'),
        ready: fc.boolean(),
        places: fc.uniqueArray(place, { selector: (each) => each.overlay, maxLength: 2 }),
      }),
      fc.record({
        put: fc.constant('overlay' as const),
        name: fc.constantFrom('x', 'y'),
        aid: fc.constantFrom('v1', 'v2'),
      }),
      fc.record({ gone: fc.constant('pod' as const), name }),
      fc.record({ gone: fc.constant('overlay' as const), name: fc.constantFrom('x', 'y') }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 30 }), (changes) => {
        const pods = new Map<string, Pod>();
        const overlays = new Map<string, Overlay>();
        const follower = new Follower();
        const known = new Known((happening) => follower.see(happening));
        for (const [one, missed] of changes) {
          if ('gone' in one) {
            (one.gone === 'pod' ? pods : overlays).delete(one.name);
            if (!missed) known.delete(key(one.gone, one.name));
          } else if (one.put === 'overlay') {
            overlays.set(one.name, overlay(one.name, { aid: one.aid + one.name }));
            if (!missed) known.put(overlays.get(one.name)!);
          } else {
            const { aid, ready } = one;
            const places = one.places.map((each) => ({ ...each, pinned: true }));
            pods.set(one.name, pod(one.name, 'fd00::1', { aid, ready, overlays: places }));
            if (!missed) known.put(pods.get(one.name)!);
          }
          // What was missed, a list makes good.
          if (!missed) continue;
          known.beginList();
          for (const resource of [...overlays.values(), ...pods.values()]) known.put(resource);
          Array.from(known.endList());
        }
        known.beginList();
        for (const resource of [...overlays.values(), ...pods.values()]) known.put(resource);
        Array.from(known.endList());
        expect(follower.state()).toEqual(truth(pods, overlays));
      }),
    );
  });
});

/** Believes what events say, and complains where one cannot be. */
class Follower {
  private readonly containers = new Map<string, string>();
  private readonly networks = new Map<string, string>();
  /** Pods by the name of their network: a network that gets another id keeps them. */
  private readonly members = new Map<string, Set<string>>();

  see({ type, action, id, attributes }: Happening): void {
    const name = attributes['name']!;
    if (type === 'container' && action === 'create') {
      expect([...this.containers.values()]).not.toContain(name);
      this.containers.set(id, name);
    } else if (type === 'container') {
      expect(this.containers.get(id)).toBe(name);
      if (action === 'destroy') this.containers.delete(id);
      return;
    }
    if (type === 'container') return;
    const members = this.members.get(name) ?? new Set();
    this.members.set(name, members);
    if (action === 'create') {
      expect(this.networks.has(id)).toBe(false);
      this.networks.set(id, name);
      return;
    }
    expect(this.networks.get(id)).toBe(name);
    if (action === 'destroy') this.networks.delete(id);
    else if (action === 'connect') members.add(attributes['podns.pod']!);
    else if (action === 'disconnect') expect(members.delete(attributes['podns.pod']!)).toBe(true);
  }

  state(): unknown {
    return {
      containers: [...this.containers.values()].sort(),
      networks: [...this.networks.keys()].sort(),
      members: [...this.members].flatMap(([name, all]) => [...all].map((pod) => `${name} ${pod}`)).sort(),
    };
  }
}

function truth(pods: Map<string, Pod>, overlays: Map<string, Overlay>): unknown {
  const networks = new Map([...overlays].map(([name, { aid }]) => [name, aid]));
  for (const { overlays: places } of pods.values())
    for (const { overlay: name } of places)
      if (!networks.has(name)) networks.set(name, impliedOverlay('v', 'n', name).aid);
  return {
    containers: [...pods.keys()].map((name) => `n/${name}`).sort(),
    networks: [...networks.values()].sort(),
    members: [...pods.values()]
      .flatMap(({ name, overlays: places }) => places.map((each) => `n/${each.overlay} n/${name}`))
      .sort(),
  };
}

let node: DockerNode | undefined;
const requests: http.ClientRequest[] = [];
afterEach(async () => {
  for (const request of requests.splice(0)) request.destroy();
  await node?.close();
  node = undefined;
});

/** Reads `/events`; resolves when the head is there. */
async function follow(path: string): Promise<{ messages: Message[]; ended: () => boolean; status: number }> {
  const messages: Message[] = [];
  let ended = false;
  let text = '';
  return new Promise((resolve, reject) => {
    const request = http.get(`http://${node!.address}${path}`, { agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (part: string) => {
        const lines = (text + part).split('\n');
        text = lines.pop()!;
        for (const line of lines) messages.push(JSON.parse(line) as Message);
      });
      response.on('close', () => (ended = true));
      response.on('error', () => undefined);
      resolve({ messages, ended: () => ended, status: response.statusCode! });
    });
    request.on('error', reject);
    requests.push(request);
  });
}

/** A first event shows that the list that precedes all others is done. */
async function followed(path: string): Promise<Message[]> {
  const { messages } = await follow(path);
  let count = 0;
  await eventually(
    async () => {
      await node!.server.apply({ put: [pod(`probe${count++}`, 'fd00::99')] });
      return messages.length;
    },
    (length) => length > 0,
  );
  await node!.server.apply({ put: [pod('last-probe', 'fd00::99')] });
  await eventually(
    () => messages,
    (all) => all.some((message) => short(message) === 'container start n/last-probe'),
  );
  messages.length = 0;
  return messages;
}

describe('events over HTTP', () => {
  it('come as they happen, and not what was there', async () => {
    node = await new DockerNode().start(pod('old', 'fd00::1', { overlays: [at('front', '10.0.0.2')] }));
    const messages = await followed('/v1.41/events');
    await node!.server.apply({ delete: [key('pod', 'old')] });
    const [die] = await eventually(
      () => messages,
      (all) => all.length >= 4,
    );
    expect(messages.map(short)).toEqual([
      'container die n/old',
      'network disconnect n/front',
      'network destroy n/front',
      'container destroy n/old',
    ]);
    expect(die).toMatchObject({
      status: 'die',
      scope: 'global',
      Actor: { Attributes: { 'podns.vpc': 'v' } },
    });
    expect(die!.Actor.ID).toBe(die!.id);
    expect(Math.floor(die!.timeNano / 1e9)).toBe(die!.time);
  });

  it('go on over a problem, for which Docker has no word', async () => {
    node = await new DockerNode().start(pod('one', 'fd00::1', { overlays: [at('front', '10.0.0.2')] }));
    const messages = await followed('/events');
    // Two pods with one address: a problem begins.
    await node!.server.apply({ put: [pod('two', 'fd00::2', { overlays: [at('front', '10.0.0.2')] })] });
    await eventually(
      () => messages,
      (all) => all.some((one) => short(one) === 'container start n/two'),
    );
    await eventually(
      () => node!.server.observing.problems.list(),
      (all) => all.some(({ kind }) => kind === 'address'),
    );
    await node!.server.apply({ delete: [key('pod', 'two')] });
    await eventually(
      () => messages,
      (all) => all.some((one) => short(one) === 'container destroy n/two'),
    );
  });

  it('are those of one VPC, and those that filters leave', async () => {
    node = await new DockerNode().start(pod('old', 'fd00::1'));
    const mine = await followed('/vpc/v/events');
    const filters = (value: object): string => `filters=${encodeURIComponent(JSON.stringify(value))}`;
    const type = await follow(`/events?${filters({ type: ['network'] })}`);
    const named = await follow(`/events?${filters({ container: { 'n/b': true }, event: { die: true } })}`);
    const labelled = await follow(`/events?${filters({ label: { 'podns.vpc=w': true } })}`);
    const healthy = await follow(`/events?${filters({ event: { health_status: true } })}`);
    const none = await follow(`/events?${filters({ scope: { local: true } })}`);
    expect((await follow(`/events?${filters({ odd: { a: true } })}`)).status).toBe(400);
    const b = pod('b', 'fd00::2', { overlays: [at('front', '10.0.0.3')] });
    await node!.server.apply({ put: [b, { ...b, vpc: 'w', ip6: 'fd01::1' }] });
    await node!.server.apply({ put: [{ ...b, ready: false }] });
    await node!.server.apply({ delete: [key('pod', 'b'), key('pod', 'b', 'w')] });
    await eventually(
      () => mine.map(short),
      (all) => all.includes('container destroy n/b'),
    );
    expect(mine.every(({ Actor }) => Actor.Attributes['podns.vpc'] === 'v')).toBe(true);
    expect(mine).toHaveLength(9);
    await eventually(
      () => labelled.messages.map(short),
      (all) => all.includes('container destroy n/b'),
    );
    expect(labelled.messages).toHaveLength(8);
    expect(type.messages.map(({ Action }) => Action).sort()).toEqual(
      ['connect', 'create', 'destroy', 'disconnect'].flatMap((action) => [action, action]),
    );
    expect(named.messages.map(short)).toEqual(['container die n/b', 'container die n/b']);
    expect(healthy.messages.map(short)).toEqual(['container health_status: unhealthy n/b']);
    expect(none.messages).toEqual([]);
  });

  it('are told again since a time, and end at another', async () => {
    node = await new DockerNode().start(pod('old', 'fd00::1'));
    await followed('/events');
    const begin = Date.now() / 1000;
    await node!.server.apply({ put: [pod('new', 'fd00::2')] });
    const since = await follow(`/events?since=${(begin - 1000).toFixed(9)}`);
    await eventually(
      () => since.messages.map(short),
      (all) => all.includes('container start n/new'),
    );
    expect(since.messages.map(short)).toContain('container start n/last-probe');
    const both = await follow(
      `/events?since=${(begin - 1000).toFixed(3)}&until=${(begin + 1000).toFixed(3)}`,
    );
    const past = await follow(`/events?since=${(begin - 1000).toFixed(3)}&until=${(begin - 900).toFixed(3)}`);
    await eventually(past.ended, (ended) => ended);
    expect(past.messages).toEqual([]);
    expect(both.ended()).toBe(false);
    const soon = await follow(`/events?until=${(Date.now() / 1000 + 0.2).toFixed(3)}`);
    await eventually(soon.ended, (ended) => ended);
    expect((await follow('/events?since=20&until=10')).status).toBe(400);
    expect((await follow('/events?since=yesterday')).status).toBe(400);
  });

  it('cut who does not read them', async () => {
    node = await new DockerNode().start(pod('old', 'fd00::1'));
    const socket = connect(Number(node.address.split(':')[1]), '127.0.0.1');
    socket.pause().on('error', () => undefined);
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const listeners = async (): Promise<number> =>
      (await node!.get<{ NEventsListener: number }>('/info')).body.NEventsListener;
    await eventually(listeners, (count) => count === 1);
    const pods = Array.from({ length: 900 }, (_, i) => pod(`p${i}`, `fd00::1:${(i + 1).toString(16)}`));
    await eventually(
      async () => {
        await node!.server.apply({ put: pods });
        await node!.server.apply({ delete: pods.map(keyOf) });
        return listeners();
      },
      (count) => count === 0,
    );
    socket.destroy();
  });

  it('end when the server closes', async () => {
    node = await new DockerNode().start(pod('old', 'fd00::1'));
    const { ended } = await follow('/events');
    await node!.admin.close();
    await eventually(ended, (is) => is);
  });
});

describe('what was missed', () => {
  it('is made good, and nothing is kept when nobody has read for a while', async () => {
    node = await new DockerNode().start(pod('a', 'fd00::1'), pod('b', 'fd00::2'));
    let write: (text: string) => void = () => undefined;
    let left = 0;
    const changes = {
      listen: (output: { write(bytes: Uint8Array): boolean }) => {
        write = (text) => void output.write(Buffer.from(text));
        return { drained: () => undefined, left: () => void left++ };
      },
    };
    const events = new DockerEvents({
      catalog: node!.server.catalog,
      changes: changes as never,
      linger: 0,
    });
    const seen: DockerEvent[] = [];
    const leave = events.listen((event) => void seen.push(event));
    // A change that nobody tells of.
    await node!.server.apply({ put: [pod('c', 'fd00::3')], delete: [key('pod', 'a')] });
    write('{"type":"missed","changes":2}\n');
    const told = await eventually(
      () => seen.map(shortly),
      (all) => all.length >= 4,
    );
    expect(told).toEqual([
      'container create n/c',
      'container start n/c',
      'container die n/a',
      'container destroy n/a',
    ]);
    expect(events.since(0)).toHaveLength(4);
    leave();
    await eventually(
      () => left,
      (count) => count === 1,
    );
    expect(events.since(0)).toEqual([]);
    expect(events.size).toBe(0);
  });
});
