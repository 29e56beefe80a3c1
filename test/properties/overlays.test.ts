/** Who is given which addresses: few pods on overlays of several namespaces, and every one asks for every one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ARecords, Attachment, Pod, Resource } from '../../src/model.ts';
import { arpaName, encodeQuery } from '../harness/build.ts';
import { NAMESPACES } from '../harness/random.ts';
import { Reference } from '../harness/reference.ts';
import { ReferenceWorld } from '../harness/reference-world.ts';
import { openSubject } from '../harness/subject.ts';
import { typeText } from '../harness/wire-text.ts';
import { parseWire, type WireRecord } from '../harness/wire.ts';
import { compare, sourcesOf } from './comparison.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 60);
const OVERLAYS = ['o1', 'o2', 'alpha/o1', 'beta/o1', 'gamma/o1'];
const NAMES = ['x', 'y'];

/** A pod by its place in the list; it takes the addresses by which the others do not know it. */
const podArbitrary = fc.record({
  namespace: fc.constantFrom('alpha', 'beta'),
  name: fc.constantFrom('p', 'q', 'r'),
  names: fc.subarray(NAMES),
  own6: fc.boolean(),
  pinned: fc.boolean(),
  places: fc.uniqueArray(
    fc.record({
      overlay: fc.constantFrom(...OVERLAYS),
      four: fc.constantFrom<number | undefined>(undefined, 0, 1, 1, 1),
      six: fc.boolean(),
    }),
    { maxLength: 3, selector: ({ overlay }) => overlay },
  ),
  ready: fc.boolean(),
});

type Parts = typeof podArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** Of one IPv4 in a few, several pods hold it. An overlay of the own namespace is said without it. */
function podOf(parts: Parts, index: number): Pod {
  const overlays = new Map<string, Attachment>();
  parts.places.forEach(({ overlay: given, four, six }, place) => {
    const overlay = given.startsWith(`${parts.namespace}/`) ? given.slice(parts.namespace.length + 1) : given;
    overlays.set(overlay, {
      overlay,
      pinned: parts.pinned,
      ...(four === undefined ? {} : { ip4: four === 0 ? '10.1.9.9' : `10.1.${place}.${index + 1}` }),
      ...(six && !parts.own6 ? { ip6: `fd42:1:${place + 1}::${index + 1}` } : {}),
    });
  });
  const { namespace, name, names, own6, ready } = parts;
  return {
    ...{ kind: 'pod', vpc: 'red', namespace, name, aid: `id${index}`, names, ready },
    ...(own6 ? { ip6: `fdfd:1::${index + 1}` } : {}),
    overlays: [...overlays.values()],
    ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
  };
}

function texts(records: readonly WireRecord[]): string[] {
  return records
    .filter(({ type }) => type === 1 || type === 28)
    .map(({ type, text }) => `${typeText(type)} ${text}`)
    .toSorted();
}

test('a client is given what it can reach, by name, by port and in reverse', async () => {
  const story = fc.record({
    before: fc.array(podArbitrary, { minLength: 1, maxLength: 4 }),
    after: fc.array(podArbitrary, { maxLength: 3 }),
    policies: fc.tuple(
      fc.constantFrom<ARecords | undefined>('pinned', 'all', 'none', undefined),
      fc.constantFrom<ARecords | undefined>('pinned', 'all', 'none', undefined),
    ),
    most: fc.constantFrom(64, 1),
  });
  const property = fc.asyncProperty(story, async ({ before, after, policies, most }) => {
    const vpc = (a_records: ARecords | undefined): Resource => ({
      ...{ kind: 'vpc', name: 'red', net6: ['fdfd:1::/32'], services6: [] },
      ...(a_records && { a_records }),
    });
    const world = new ReferenceWorld({});
    const reference = new Reference(world);
    const subject = await openSubject({
      ...{ config: { forward: 'off' }, resources: [], scopes: ['', '@red'], listen: false, workers: 0 },
      ...{ upstreamPort: undefined, hold: 1, most },
    });
    let stamp = 0;
    const put = async (resource: Resource): Promise<void> => {
      world.put(resource, ++stamp);
      await subject.change([resource], []);
    };
    try {
      for (const namespace of NAMESPACES) await put({ kind: 'namespace', vpc: 'red', name: namespace });
      await put(vpc(policies[0]));
      for (const [index, parts] of before.entries()) await put(podOf(parts, index));
      await put(vpc(policies[1]));
      for (const [index, parts] of after.entries()) await put(podOf(parts, before.length + index));
      const names = new Set<string>();
      const reverse = new Set<string>();
      for (const pod of world.pods('red')) {
        for (const name of [pod.name, ...pod.names]) names.add(`${name}.${pod.namespace}`);
        for (const { ip4, ip6 } of pod.overlays)
          for (const address of [ip4, ip6])
            if (address !== undefined) reverse.add(arpaName(address).slice(0, -1));
      }
      for (const { source, scope } of sourcesOf(world)) {
        const client = { address: source.address, port: 4000, scope, local: '127.0.0.9', tcp: true };
        const ask = async (name: string, type: string) =>
          parseWire((await subject.answer(encodeQuery({ name, type }), client))!);
        const questions = [...names].flatMap((name) => [
          ...[`A ${name}`, `AAAA ${name}`, `SRV _http._tcp.${name}`],
        ]);
        for (const question of [...questions, ...[...reverse].map((name) => `PTR ${name}`)]) {
          const [type, name] = question.split(' ') as [string, string];
          const message = await ask(name, type);
          const faults = compare(reference, source, name, type, message);
          expect(faults, `${question} from ${source.address} on '${scope}'`).toEqual([]);
          if (type !== 'SRV' || message.rcode !== 0) continue;
          const targets = new Set(message.answer.map(({ text }) => text.split(' ')[3]!.slice(0, -1)));
          const reached = new Set<string>();
          for (const target of targets)
            for (const own of ['A', 'AAAA'])
              for (const text of texts((await ask(target, own)).answer)) reached.add(text);
          expect([...new Set(texts(message.additional))], question).toEqual([...reached].toSorted());
        }
      }
    } finally {
      await subject.close();
    }
  });
  await fc.assert(property, { numRuns: Math.ceil((RUNS * 2) / 3) });
}, 300_000);
