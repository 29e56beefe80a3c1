/** What `serve` chooses and suggests when it is told little. */
import { describe, expect, it } from 'vitest';
import { defaultListen } from '../../src/cli/default-listen.ts';
import { digLines } from '../../src/cli/hints.ts';
import { parseListen } from '../../src/transport/listen.ts';
import { parseZoneFile } from '../../src/source/zones/zone-file.ts';

function resources(text: string) {
  const { placed, problems } = parseZoneFile(text, 'z.yaml');
  expect(problems).toEqual([]);
  return placed.map(({ resource }) => resource);
}

const ONE = 'vpc: aep\nnamespaces:\n  web:\n    pods:\n      db: { ip6: "fdfd::1" }\n';
const TWO = `${ONE}  shop:\n    pods:\n      app: { ip6: "fdfd::2", overlays: { o: 10.0.0.1 } }\n`;

describe('the default listeners', () => {
  it('are scoped as far as there is only one', () => {
    expect(defaultListen(resources(ONE)).listen).toEqual(['127.0.0.1:5300@aep/web', '[::1]:5300@aep/web']);
    expect(defaultListen(resources(TWO)).listen).toEqual(['127.0.0.1:5300@aep', '[::1]:5300@aep']);
    const two = defaultListen([...resources(ONE), ...resources('vpc: other\n')]);
    expect(two.listen).toEqual(['127.0.0.1:5300', '[::1]:5300']);
    expect(two.reason).toContain('there are 2 VPCs');
    expect(defaultListen([]).reason).toContain('no VPC is known yet');
  });
});

describe('the dig lines', () => {
  const options = { zone: 'vpc.internal', aRecords: 'pinned' as const };

  it('are three that have an answer in the data', () => {
    expect(digLines(resources(TWO), parseListen('127.0.0.1:5300@aep/web'), options)).toEqual([
      'dig @127.0.0.1 -p 5300 db AAAA                   # the pod db of the same namespace',
      'dig @127.0.0.1 -p 5300 app.shop AAAA             # the pod app of namespace shop',
      'dig @127.0.0.1 -p 5300 app.shop.vpc.internal A   # the pinned overlay address of app',
    ]);
  });

  it('use no bare name where the listener has no namespace', () => {
    const lines = digLines(resources(ONE), parseListen('[::]:53@aep'), options);
    expect(lines.map((line) => line.replace(/ +#.*/, ''))).toEqual([
      'dig @::1 -p 53 db.web AAAA',
      'dig @::1 -p 53 -x fdfd::1',
      'dig @::1 -p 53 _whoami.vpc.internal TXT',
    ]);
  });

  it('work for an empty view, and are none for an unscoped listener', () => {
    expect(digLines([], parseListen('127.0.0.1:53@aep'), options)).toHaveLength(3);
    expect(digLines(resources(ONE), parseListen('127.0.0.1:53'), options)).toEqual([]);
  });
});
