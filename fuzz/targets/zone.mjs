/** Zone files: YAML text to resources with places. */
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { makeChecks } from '../sink.mjs';
import { YAML_WORDS } from '../words.mjs';

const ZONE = `vpc: red
net6: fdfd:1::/48
hosts: {a.example: 10.0.0.1}
routes: {corp: [10.0.0.53]}
namespaces:
  web:
    overlays: {o: {net4: 10.0.0.0/24}}
    pods:
      db: {ip6: fdfd:1::1, names: [database]}
      app-0:
        names: [app]
        ip6: fdfd:1::2
        overlays: {o: 10.0.0.2}
        ports: {http: 80/tcp, dns: [53/udp, 53/tcp]}
    services:
      svc: {ip6: fdfd:2::1, ports: {http: 80}}
`;

const PROBLEMS_MAX = 101;

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'zone',
  about: 'the text of a zone file; source/zones/zone-file, source/validate',
  most: 8192,
  text: true,
  words: YAML_WORDS,
  seeds: () =>
    [
      ZONE,
      `${ZONE}---\nvpc: blue\nnamespaces: {web: {pods: {a: {ip6: "fdfd:3::1"}}}}\n`,
      'x-p: &p {ports: {http: 80}}\nvpc: v\nnamespaces:\n  n:\n    pods:\n      a: {<<: *p, ip6: fd00::1}\n      b: *p\n',
      '{"vpc":"j","namespaces":{"n":{"pods":{"p":{"ip6":"fd00::2","ready":false}}}}}',
      'vpc: v\nnet6: [fd00::/8, bad]\nnamespaces: [wrong]\nunknown: 1\n',
    ].map((text) => Buffer.from(text)),
  async open() {
    const { parseZoneFile } = await load('source/zones/zone-file.js');
    const { checkResource } = await makeChecks();
    return {
      run(input) {
        const text = input.toString('utf8');
        const lineCount = text.split(/\r\n|\n|\r/).length + 1;
        const { usable, placed, problems } = parseZoneFile(text, 'z.yaml');
        must(usable || placed.length === 0, 'resources of an unusable file');
        must(usable || problems.length > 0, 'an unusable file without a reason');
        must(problems.length <= PROBLEMS_MAX, 'too many problems', String(problems.length));
        for (const { place, reason } of problems) {
          must(reason !== '', 'a problem without a reason');
          must((place?.line ?? 1) <= lineCount, 'a place behind the end', () => JSON.stringify(place));
        }
        for (const { resource, place } of placed) {
          checkResource(resource);
          must(
            place.file === 'z.yaml' && place.line >= 1 && place.line <= lineCount,
            'a place behind the end',
            () => JSON.stringify(place),
          );
        }
      },
    };
  },
};
