/** Forwarders under test, and the authoritative server that all of them ask. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER4, SERVER6 } from './namespace.mjs';
import * as dnsmasq from './competitors/dnsmasq.mjs';
import * as knot from './competitors/knot.mjs';
import * as podns from './competitors/podns.mjs';
import { OUTSIDE, writeOutside } from './pods.mjs';

/** Capacity for far more than is asked, so that no cache drops anything. */
const CACHE_OCTETS = 64 * 2 ** 20;
const CACHE_NAMES = 100_000;

export const PEERS = [
  {
    name: 'podns',
    version: podns.version,
    install: podns.install,
    async prepare({ upstream, folder, port, pods }) {
      const made = await podns.prepare({ folder, port, pods, workers: 1 });
      const more = ['--upstreams', `127.0.0.1:${upstream}`, '--cache-size', String(CACHE_OCTETS)];
      return { ...made, parameters: [...made.parameters, ...more] };
    },
  },
  {
    name: 'dnsmasq',
    version: dnsmasq.version,
    install: dnsmasq.install,
    async prepare({ folder, port, upstream }) {
      const config = join(folder, 'dnsmasq.conf');
      writeFileSync(
        config,
        `port=${port}
listen-address=${SERVER4}
listen-address=${SERVER6}
bind-interfaces
no-resolv
no-hosts
server=127.0.0.1#${upstream}
cache-size=${CACHE_NAMES}
dns-forward-max=4096
user=root
pid-file=
`,
      );
      return { command: 'dnsmasq', parameters: ['--keep-in-foreground', `--conf-file=${config}`] };
    },
  },
  {
    name: 'unbound',
    version: () => /Version (\S+)/.exec(spawnSync('unbound', ['-V'], { encoding: 'utf8' }).stdout)?.[1],
    install: 'apt-get install unbound',
    async prepare({ folder, port, upstream }) {
      const config = join(folder, 'unbound.conf');
      writeFileSync(
        config,
        `server:
  interface: ${SERVER4}@${port}
  interface: ${SERVER6}@${port}
  access-control: ::/0 allow
  access-control: 0.0.0.0/0 allow
  num-threads: 1
  msg-cache-size: ${CACHE_OCTETS}
  rrset-cache-size: ${CACHE_OCTETS}
  module-config: "iterator"
  do-not-query-localhost: no
  minimal-responses: yes
  do-daemonize: no
  use-syslog: no
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: ""
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstream}
`,
      );
      return { command: 'unbound', parameters: ['-d', '-c', config] };
    },
  },
];

/** Knot with all outside names. */
export const authoritative = {
  name: 'upstream',
  version: knot.version,
  install: knot.install,
  async prepare({ folder, port, names }) {
    await writeOutside(join(folder, 'zone'), names);
    const config = join(folder, 'knot.conf');
    writeFileSync(
      config,
      `server:
  rundir: "${folder}"
  listen: [ 127.0.0.1@${port} ]
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: "${folder}"
zone:
  - domain: ${OUTSIDE}
    storage: "${folder}"
    file: zone
    zonefile-load: whole
    journal-content: none
`,
    );
    return { command: 'knotd', parameters: ['-c', config] };
  },
};
