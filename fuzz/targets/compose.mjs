/** Compose files: the command `podns import compose -` on a text, without files around it. */
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { COMPOSE_WORDS, YAML_WORDS } from '../words.mjs';

/** Nothing is read from it: it does not exist. */
const FOLDER = '/nonexistent/podns-fuzz';
/** What an input of a few kilobytes may become: the converter's own bound of a million entries, in octets. */
const OUTPUT_MAX = 128 << 20;
const FILE = `name: shop
x-base: &base {image: x, networks: [back]}
services:
  db:
    <<: *base
    hostname: data
    networks: {back: {aliases: [sql], ipv4_address: 10.1.0.5}}
    ports: ["5432:5432", {name: metrics, target: 9187}]
  app:
    extends: {service: db}
    deploy: {replicas: 2}
    depends_on: [db]
    links: ["db:store"]
    extra_hosts: {"up.example": 10.0.0.9}
    expose: [80, "8000-8003"]
    profiles: ["\${P:-web}"]
networks:
  back: {driver: bridge, ipam: {config: [{subnet: 10.1.0.0/24}]}}
  ext: {external: true, name: outer}
`;

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'compose',
  about: 'the text of a compose file; cli/compose, cli/commands/import, source/zones/zone-file',
  most: 8192,
  text: true,
  words: [...COMPOSE_WORDS, ...YAML_WORDS],
  seeds: () =>
    [
      FILE,
      'services: {a: {image: x}, b: {network_mode: "service:a"}}\n',
      'services:\n  a: {ports: ["127.0.0.1:8000-8010:80-90/udp"], networks: [n]}\nnetworks: {n: {enable_ipv6: true, ipam: {config: [{subnet: "fd00::/64"}]}}}\n',
      'include: [other.yaml]\nservices: {a: {extends: {file: x.yaml, service: y}, env_file: .env}}\n',
      'services:\n  a: &a\n    image: ${A:-${B-c}}\n    container_name: $${A}\n  b: *a\n---\nservices: {a: !reset null, b: !override {image: y}}\n',
    ].map((text) => Buffer.from(text)),
  async open() {
    const { importCommand } = await load('cli/commands/import.js');
    const { CommandError } = await load('cli/exit.js');
    const { parseZoneFile } = await load('source/zones/zone-file.js');
    return {
      async run(input) {
        let out = '';
        let err = '';
        const io = {
          out: (text) => (out += text),
          err: (text) => (err += text),
          input: async () => input.toString('utf8'),
          environment: { A: 'a' },
          folder: FOLDER,
        };
        const command = importCommand(io)
          .exitOverride()
          .configureOutput({ writeOut: io.out, writeErr: io.err });
        try {
          await command.parseAsync(['compose', '-', '-n', 'web', '--profile', '*'], { from: 'user' });
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
          must(err !== '' || /** @type {Error} */ (error).message !== '', 'refused without a reason');
          must(out === '', 'a zone beside an error', out.slice(0, 300));
          return;
        }
        must(out.length <= OUTPUT_MAX, 'too much output', String(out.length));
        const { usable, problems } = parseZoneFile(out, 'out.yaml');
        const errors = problems.filter(({ severity }) => severity === 'error');
        must(
          usable && errors.length === 0,
          'a zone file that is not valid',
          () => `${JSON.stringify(errors)} in ${out.slice(0, 500)}`,
        );
      },
    };
  },
};
