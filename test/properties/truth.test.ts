/** Any history: all nodes, whenever they heard of it and from whom, say what one says that only sees the state. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Address6 } from 'ip-address';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { keyOf, keyText, type Pod, type Resource, type Vpc } from '../../src/model.ts';
import { Model } from '../catalog/model.ts';
import { Node, Plane, relayed, type Deed } from './truth-world.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 40);
const VPCS = ['red', 'blue', 'grey'];
const PREFIXES = ['fd00::/16', 'fd00:1::/32', 'fd00:1:2::/48', 'fd00:2::/32'];
/** Few, so that most pods contend for one. */
const ADDRESSES = ['fd00:1::1', 'fd00:1::1', 'fd00:2::1', '2001:db8:1::1'];
const OUTSIDER = '2001:db8::99';

const vpc: fc.Arbitrary<Resource> = fc.record({
  kind: fc.constant('vpc' as const),
  name: fc.constantFrom(...VPCS),
  net6: fc.subarray(PREFIXES, { minLength: 1, maxLength: 2 }),
  services6: fc.constant([] as string[]),
  forward: fc.constantFrom('on' as const, 'off' as const),
});
const pod: fc.Arbitrary<Resource> = fc
  .record({
    vpc: fc.constantFrom('red', 'red', 'blue'),
    namespace: fc.constantFrom('n', 'n', 'm'),
    name: fc.constantFrom('a', 'b', 'c'),
    ip6: fc.constantFrom(...ADDRESSES),
    ip4: fc.constantFrom(undefined, '10.0.0.1', '10.0.0.2'),
  })
  .map(({ ip4, ...rest }) => ({
    kind: 'pod',
    ...rest,
    aid: 'p0123456789',
    names: [],
    overlays: ip4 === undefined ? [] : [{ overlay: 'default', ip4, pinned: true }],
    ports: [],
    ready: true,
  }));

const deed: fc.Arbitrary<Deed> = fc.record({
  object: fc.oneof(vpc, pod),
  how: fc.constantFrom('put', 'put', 'put', 'again', 'again', 'break', 'delete'),
  stamp: fc.constantFrom(undefined, undefined, '0', '5', '9007199254740993', '9223372036854775807'),
});
const keyOfDeed = ({ object }: Deed): string =>
  object.kind === 'vpc' ? object.name : `${object.vpc} ${(object as Pod).namespace} ${object.name}`;
const deeds = fc.uniqueArray(deed, { selector: keyOfDeed, minLength: 1, maxLength: 3 });

const event = fc.oneof(
  { weight: 10, arbitrary: fc.record({ plane: fc.constantFrom(0, 1), deeds }) },
  { weight: 3, arbitrary: fc.constantFrom('list', 'restart', 'kill', 'reread', 'reverse') },
);
const start = fc.constantFrom(0n, 2n ** 48n - 5n, 2n ** 53n - 5n, 2n ** 63n - 100n);

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

class World {
  readonly planes: readonly [Plane, Plane];
  /** Starts that read commits from a journal. */
  fromJournal = 0;
  /** Whether the one with a saved view goes on where it was, else it lists anew. */
  private readonly resumes: boolean;
  private readonly base = mkdtempSync(join(tmpdir(), 'podns-truth-'));
  private folder = join(this.base, '0');
  private copies = 0;

  constructor(first: Plane, second: Plane, resumes: boolean) {
    this.planes = [first, second];
    this.resumes = resumes;
    closing.push(async () => rmSync(this.base, { recursive: true, force: true }));
  }

  /** What is on the disk now is all that is left of the node with a saved view. */
  kill(): void {
    // A list does not say what was good once.
    const isListed = !this.resumes || this.planes.some(({ hasForgotten }) => hasForgotten);
    if (isListed && this.planes.some(({ isBroken }) => isBroken)) return;
    if (!existsSync(join(this.folder, 'view.ndjson'))) return;
    const copy = join(this.base, String(++this.copies));
    cpSync(this.folder, copy, { recursive: true });
    this.folder = copy;
  }

  async node(state = false): Promise<Node> {
    if (state && existsSync(this.folder)) {
      const journals = readdirSync(this.folder).filter((name) => name.includes('.journal-'));
      const texts = journals.map((name) => readFileSync(join(this.folder, name), 'utf8'));
      if (texts.some((text) => text.includes('"type":"put"') || text.includes('"type":"delete"')))
        this.fromJournal++;
    }
    const feeds = this.planes.map((plane, i) => ({
      ...plane.source(`plane:${i}`, state && this.resumes),
      reach: () => String(plane.revision),
    }));
    return this.start(new Node(feeds, state ? this.folder : ''));
  }

  readerOf({ server }: Node): Promise<Node> {
    const feed = { ...relayed(server), reach: () => server.subscribers.watchServer.revision };
    return this.start(new Node([feed]));
  }

  private async start(node: Node): Promise<Node> {
    await node.server.start();
    closing.push(() => node.server.close(0));
    await node.settle();
    return node;
  }

  /** What follows from the states, by the plain rules. */
  model(): Model {
    const model = new Model(['plane:0', 'plane:1']);
    this.planes.forEach((plane, i) => model.apply(plane.step(`plane:${i}`)));
    return model;
  }
}

/** The owners of prefixes and addresses by the model, and by what a node answers. */
async function expectTruth(node: Node, model: Model, what: string): Promise<void> {
  const view = model.effective();
  const byKey = (list: Iterable<Resource>): Record<string, Resource> =>
    Object.fromEntries([...list].map((one) => [keyText(keyOf(one)), one]));
  const listed = (['vpc', 'pod'] as const).flatMap((kind) => [...node.server.catalog.list(kind)]);
  expect(byKey(listed), what).toEqual(byKey([...view.values()].map(({ resource }) => resource)));

  const vpcs = [...view.values()].flatMap(({ resource }) => (resource.kind === 'vpc' ? [resource] : []));
  const pods = [...view.values()].flatMap(({ resource, stamp }) =>
    resource.kind === 'pod' ? [{ pod: resource, stamp, path: `${resource.namespace}/${resource.name}` }] : [],
  );
  const holder = (address: string): Vpc | undefined =>
    vpcs.find(({ net6 }) => net6.some((prefix) => new Address6(address).isInSubnet(new Address6(prefix))));
  for (const address of ['fd00:1:2::ff', 'fd00:1::ff', 'fd00:2::ff', 'fd00:3::ff'])
    expect([what, address, await node.vpcOf(address)]).toEqual([what, address, holder(address)?.name]);

  const newest = (claims: typeof pods): string | undefined =>
    claims.reduce<(typeof pods)[0] | undefined>((best, one) => {
      if (best === undefined || one.stamp > best.stamp) return one;
      return one.stamp === best.stamp && one.path < best.path ? one : best;
    }, undefined)?.path;
  for (const { pod: one, path } of pods) {
    const scope = `${one.vpc}/${one.namespace}`;
    const rivals = pods.filter(({ pod: other }) => other.vpc === one.vpc);
    const six =
      newest(rivals.filter(({ pod: other }) => other.ip6 === one.ip6)) === path ? ` ${one.ip6}` : '';
    const ip4 = one.overlays[0]?.ip4;
    const sharing = rivals.filter(({ pod: { overlays } }) => overlays[0]?.ip4 === ip4);
    const onOverlay = sharing.filter(({ pod: { namespace } }) => namespace === one.namespace);
    const isShared = sharing.length > onOverlay.length;
    const client = { address: OUTSIDER, scope };
    expect([what, path, await node.ask(one.name, 'AAAA', client)]).toEqual([what, path, `0${six}`]);
    // Whoever is on every overlay of its namespace is given what is shared as well.
    if (ip4 === undefined || isShared) continue;
    const four = newest(onOverlay) === path ? ` ${ip4}` : '';
    expect([what, path, await node.ask(one.name, 'A', client)]).toEqual([what, path, `0${four}`]);
  }
}

test(
  'live, restarted, fresh and relayed nodes agree with what the state says',
  { timeout: 600_000 },
  async () => {
    const kinds = fc.constantFrom('etcd' as const, 'ages' as const, 'order' as const);
    let fromJournal = 0;
    const history = fc.array(event, { minLength: 1, maxLength: 18, size: 'max' });
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(kinds, kinds, start, start),
        fc.boolean(),
        history,
        async (plan, resumes, events) => {
          const [one, other, from, second] = plan;
          const world = new World(new Plane(one, from), new Plane(other, second), resumes);
          const live = await world.node();
          let saved = await world.node(true);
          const reader = await world.readerOf(live);
          for (const happens of events) {
            if (happens === 'reverse') for (const plane of world.planes) plane.reverse();
            else if (happens === 'list') await live.again();
            else if (happens === 'reread') await reader.again();
            else if (happens === 'restart' || happens === 'kill') {
              if (happens === 'kill') world.kill();
              await saved.settle();
              await saved.server.close(0);
              saved = await world.node(true);
            } else world.planes[happens.plane]!.change(happens.deeds);
            for (const node of [live, saved, reader]) await node.settle();
          }
          const model = world.model();
          const nodes: [string, Node][] = [
            ['live', live],
            ['restarted', saved],
            ['reader', reader],
            ['late reader', await world.readerOf(live)],
          ];
          // What is refused, and was good once, is nowhere but in the nodes that heard of it.
          if (!world.planes.some(({ isBroken }) => isBroken)) nodes.push(['fresh', await world.node()]);
          for (const [what, node] of nodes) {
            await expectTruth(node, model, what);
            expect([what, node.server.catalog.digest()]).toEqual([what, live.server.catalog.digest()]);
            expect([what, node.stamps()]).toEqual([what, live.stamps()]);
          }
          fromJournal += world.fromJournal;
          for (const close of closing.splice(0).reverse()) await close();
        },
      ),
      { numRuns: RUNS },
    );
    expect(fromJournal).toBeGreaterThan(RUNS / 4);
  },
);
