/** Lines of the saved view are the text that JSON gives of their records, however they are made. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { recordLine } from '../../src/catalog/saved/saved-lines.ts';
import { format4, format6 } from '../../src/dns/address.ts';
import type { Resource } from '../../src/model.ts';
import { familyOf, resource, SOURCES } from './steps.ts';

const ip4 = fc.integer({ min: 0, max: 0xffffffff }).map(format4);
const ip6 = fc
  .array(fc.constantFrom(0, 0, 1, 0x10, 0x123, 0xabcd, 0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => {
    const octets = Buffer.alloc(16);
    groups.forEach((group, i) => octets.writeUInt16BE(group, 2 * i));
    return format6(octets, 0);
  });
/** Names of the model and some that JSON escapes, or that are long. */
const name = fc.oneof(
  fc.constantFrom('a', 'web-0.web', 'x'.repeat(130), 'a"b', 'a\\b', 'bücher', '\u0007', '\u007f'),
  fc.string({ minLength: 1, maxLength: 20 }),
);
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const port = fc.record({
  name: fc.constantFrom('http', 'a"b', 'é'),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
  port: fc.integer({ min: 1, max: 65535 }),
});
const common = {
  vpc: fc.constantFrom('a', 'b"c', 'ä'),
  namespace: fc.constantFrom('n', 'm\\', 'ö'),
  name,
  aid: fc.constantFrom('p0123456789', 's00ff00ff00', 'own', ''),
  names: fc.array(name, { maxLength: 4 }),
  ip6: optional(ip6),
  ports: fc.array(port, { maxLength: 3 }),
};
const pod = fc.record({
  kind: fc.constant('pod' as const),
  ...common,
  overlays: fc.array(
    fc.record({
      overlay: fc.constantFrom('default', 'n/blue', 'q"'),
      ip4: optional(ip4),
      ip6: optional(ip6),
      pinned: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  ready: fc.boolean(),
});
const service = fc.record({ kind: fc.constant('service' as const), ...common });

const said = fc.record({
  source: fc.constantFrom(...SOURCES),
  resource: fc.oneof<fc.Arbitrary<Resource>[]>(pod, service, resource),
  revision: fc.constantFrom('1', '42', '9007199254740993', '18446744073709551615', 'twelve'),
  stamp: optional(fc.constantFrom('7', '42', '18446744073709551614')),
  file: optional(fc.constantFrom('zones/a.yaml', 'zones/ü".yaml')),
});

it('prints what JSON does', () => {
  fc.assert(
    fc.property(fc.array(said, { minLength: 1, maxLength: 12 }), (records) => {
      const catalog = new Catalog({ sources: SOURCES, familyOf });
      for (const { source, resource, revision, stamp, file } of records) {
        const transaction = catalog.begin(source, false, revision);
        const place = file === undefined ? undefined : { file, line: 3 };
        try {
          transaction.put(resource, place, revision, stamp);
        } catch {
          transaction.rollback();
          continue;
        }
        for (const _ of transaction.commit()) void _;
      }
      // The last one is not written.
      const sources = SOURCES.slice(0, 3).map((each) => ({ name: each, revision: '1' }));
      const numbers = new Map(sources.map((each, number) => [each.name, number]));
      const expected = [...catalog.records()]
        .filter((each) => numbers.has(each.source))
        .map((each) => recordLine(each, numbers.get(each.source)!))
        .join('');
      const moment = catalog.openMoment();
      const lines = catalog.linesAt(moment, sources);
      for (const reference of catalog.recordsAt(moment)) if (reference !== undefined) lines.record(reference);
      expect(lines.take().toString()).toBe(expected);
      catalog.closeMoment(moment);
    }),
    { numRuns: 1000 },
  );
});
