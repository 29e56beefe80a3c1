/** dnsmasq, from a hosts file; it has no zones, so what is not in the file does not exist. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER4, SERVER6 } from '../namespace.mjs';
import { writeHosts, ZONE } from '../pods.mjs';

export const name = 'dnsmasq';
export const install = 'apt-get install dnsmasq-base';
/** Over TCP it forks a process for each connection and closes that after a hundred queries. */
export const protocols = ['udp'];

export function version() {
  return /version (\S+)/i.exec(spawnSync('dnsmasq', ['--version'], { encoding: 'utf8' }).stdout)?.[1];
}

/** `changing`: so many pods are left to files of their own, in a folder that is watched. */
export async function prepare({ folder, port, pods, changing = 0 }) {
  await writeHosts(join(folder, 'hosts'), pods, changing);
  mkdirSync(join(folder, 'hosts.d'));
  const config = join(folder, 'dnsmasq.conf');
  writeFileSync(
    config,
    `port=${port}
listen-address=${SERVER4}
listen-address=${SERVER6}
bind-interfaces
no-resolv
no-hosts
addn-hosts=${folder}/hosts
hostsdir=${folder}/hosts.d
local=/${ZONE}/
local-ttl=1
user=root
pid-file=
`,
  );
  return { command: 'dnsmasq', parameters: ['--keep-in-foreground', `--conf-file=${config}`] };
}
