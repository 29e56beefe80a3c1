/**
 * The image of a view against the view: what a server answered before it ended, its successor answers from the image, and
 * again from the records that replace the image.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Resource } from '../../src/model.ts';
import { encodeQuery } from '../harness/build.ts';
import { askArbitrary, changeArbitrary, tenantResources, TENANTS, type Change } from '../harness/random.ts';
import { ReferenceWorld } from '../harness/reference-world.ts';
import { parseWire } from '../harness/wire.ts';
import { ImageWorld } from '../server/image-world.ts';
import type { Life } from '../server/image-world.ts';
import { sourcesOf } from './comparison.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 40);
const red = TENANTS[0]!;

const storyArbitrary = fc.record({
  rounds: fc.array(
    fc.array(
      fc.oneof(
        { weight: 2, arbitrary: changeArbitrary(red) },
        { weight: 1, arbitrary: changeArbitrary(TENANTS[1]!) },
      ),
      { minLength: 1, maxLength: 14 },
    ),
    { minLength: 1, maxLength: 4 },
  ),
  asks: fc.array(fc.tuple(askArbitrary(red), fc.nat(30), fc.nat(0xffff)), {
    ...{ minLength: 40, maxLength: 80 },
  }),
  aRecords: fc.constantFrom<('pinned' | 'all' | 'none')[]>('pinned', 'all', 'none'),
  forward: fc.constantFrom<('off' | 'refuse' | string[])[]>('off', 'refuse', ['corp', 'local']),
  most: fc.constantFrom(64, 2, 1),
});

type Asked = [name: string, type: string, id: number, address: string, scope: string];

async function answersOf({ server }: Life, asks: readonly Asked[]): Promise<Buffer[]> {
  const answers: Buffer[] = [];
  for (const [name, type, id, address, scope] of asks) {
    const packet = encodeQuery({ id, name, type });
    const client = { address, port: 4000, scope: scope.slice(1), local: '127.0.0.9', tcp: true };
    answers.push(Buffer.from((await server.answer(packet, client)) ?? []));
  }
  return answers;
}

/** Which of several owners of a name comes first depends on the order in which they came. */
function inOrder(message: Buffer): unknown {
  const { answer, additional, ...rest } = parseWire(message);
  const texts = (records: typeof answer): string[] => records.map((one) => JSON.stringify(one)).toSorted();
  return { ...rest, answer: texts(answer), additional: texts(additional) };
}

test('the image answers as the server did that left it, and the records that replace it do so too', async () => {
  const property = fc.asyncProperty(storyArbitrary, async ({ rounds, asks, aRecords, forward, most }) => {
    const config = { aRecords, forward, suffixes: [{ name: 'flat.zone', flat: true }] };
    const resources: Resource[] = TENANTS.flatMap(tenantResources);
    const model = new ReferenceWorld({ suffixes: config.suffixes, aRecords, forward });
    for (const resource of resources) model.put(resource, 0);
    const world = new ImageWorld();
    try {
      const first = await world.begin(config, { most });
      await first.server.start();
      first.source.say(true, resources);
      for (const round of rounds) first.source.say(false, puts(round, model), removals(round, model));
      await first.server.settled();
      const sources = sourcesOf(model).filter(({ source }) => source.address !== 'fdfd:1::dead');
      const asked = asks.map(([{ name, type }, pick, id]): Asked => {
        const { source, scope } = sources[pick % sources.length]!;
        return [name, type, id, source.address, scope];
      });
      for (const { scope, source } of sources)
        for (const zone of ['vpc.internal', 'alpha.vpc.internal'])
          asked.push([zone, 'SOA', 5, source.address, scope]);
      const before = await answersOf(first, asked);
      await first.server.close(0);

      const second = await world.begin(config, { most });
      expect(second.image, JSON.stringify(world.lines)).toBeDefined();
      const restored = second.server.restore();
      expect(second.server.restoring.isLoading).toBe(true);
      const served = await Promise.all(
        asked.map((one) => answersOf(second, [one]).then(([octets]) => octets!)),
      );
      expect(served.map((octets) => octets.toString('hex'))).toEqual(
        before.map((octets) => octets.toString('hex')),
      );
      await restored;
      expect(second.server.restoring.isLoading).toBe(false);
      const after = await answersOf(second, asked);
      expect(after.map(inOrder)).toEqual(before.map(inOrder));

      // What is built beside an image is as good a beginning: its numbers, serials and memory go on.
      await second.server.start();
      second.source.say(true, resources);
      await second.server.settled();
      second.source.say(false, puts(rounds.flat(), model), removals(rounds.flat(), model));
      await second.server.settled();
      const last = await answersOf(second, asked);
      await second.server.close(0);
      const third = await world.begin(config, { most });
      expect(third.image).toBeDefined();
      const again = third.server.restore();
      const third1 = await Promise.all(
        asked.map((one) => answersOf(third, [one]).then(([octets]) => octets!)),
      );
      expect(third1.map((octets) => octets.toString('hex'))).toEqual(
        last.map((octets) => octets.toString('hex')),
      );
      await again;
      expect((await answersOf(third, asked)).map(inOrder)).toEqual(last.map(inOrder));
      await third.server.close(0);
    } finally {
      await world.close();
    }
  });
  await fc.assert(property, { numRuns: RUNS });
}, 600_000);

function puts(round: readonly Change[], model: ReferenceWorld): Resource[] {
  return round.flatMap((change) => {
    if (!('put' in change)) return [];
    model.put(change.put, 1);
    return [change.put];
  });
}

function removals(
  round: readonly Change[],
  model: ReferenceWorld,
): never[] | Parameters<Life['source']['say']>[2] {
  const gone = round.flatMap((change) => ('remove' in change ? [change.remove] : []));
  for (const key of gone) model.delete(key);
  return gone;
}
