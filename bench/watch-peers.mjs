/** What a user would do without podns: how soon nsd, knot and dnsmasq answer that one pod of many has moved. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER4 } from './namespace.mjs';
import * as dnsmasq from './competitors/dnsmasq.mjs';
import * as knot from './competitors/knot.mjs';
import * as nsd from './competitors/nsd.mjs';
import { pod6, podDomain, podName, ZONE } from './pods.mjs';
import { SERVER_CORE, spawnPinned, stop } from './process.mjs';
import { Asker, pause, quantiles } from './watch-asker.mjs';
import { freePort } from './watch-server.mjs';

/** The pod that moves. */
const MOVED = 0;

/** `changer`: returns what makes the pod move; `close` ends what that has started. */
const PEERS = [
  {
    ...nsd,
    how: 'edit of the zone file, `nsd-control reload`',
    tools: ['nsd', 'nsd-control'],
    options: { control: true },
    changes: 20,
    changer({ folder }) {
      const path = join(folder, 'zone');
      const lines = readFileSync(path, 'utf8').split('\n');
      const own = lines.findIndex((line) => line.startsWith(`${podName(MOVED)}.n0 AAAA `));
      const soa = lines.findIndex((line) => line.includes(' SOA '));
      return {
        change(generation) {
          lines[own] = `${podName(MOVED)}.n0 AAAA ${pod6(MOVED, generation)}`;
          lines[soa] = lines[soa].replace(/hostmaster \d+/, `hostmaster ${generation + 1}`);
          writeFileSync(`${path}.new`, lines.join('\n'));
          renameSync(`${path}.new`, path);
          // Not waited for: what counts is the answer.
          spawn('nsd-control', ['-c', join(folder, 'nsd.conf'), 'reload', ZONE], { stdio: 'ignore' });
        },
        close() {},
      };
    },
  },
  {
    ...knot,
    how: 'dynamic update, a `knsupdate` that stays open',
    install: 'apt-get install knot knot-dnsutils',
    tools: ['knotd', 'knsupdate'],
    options: { updates: true },
    changes: 200,
    changer({ port, log }) {
      const child = spawn('knsupdate', [], { stdio: ['pipe', log, log] });
      child.stdin.write(`server ${SERVER4} ${port}\nzone ${ZONE}.\norigin .\n`);
      const name = `${podDomain(MOVED)}.`;
      return {
        change(generation) {
          child.stdin.write(
            `update delete ${name} AAAA\nupdate add ${name} 1 AAAA ${pod6(MOVED, generation)}\nsend\n`,
          );
        },
        async close() {
          child.stdin.end();
          await stop(child);
        },
      };
    },
  },
  {
    ...dnsmasq,
    how: '`--hostsdir`, a file for this pod',
    tools: ['dnsmasq'],
    options: { changing: 1 },
    changes: 200,
    changer({ folder }) {
      return {
        change(generation) {
          writeFileSync(join(folder, 'hosts.d', 'moved'), `${pod6(MOVED, generation)} ${podDomain(MOVED)}\n`);
        },
        close() {},
      };
    },
  },
];

/** By name: quantiles, or why there are none. `say`: told of those that are left out. */
export async function compare(place, pods, say) {
  const found = [];
  for (const peer of PEERS) {
    const { name, how, tools, install } = peer;
    const absent = tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
    if (absent.length > 0) {
      say(`${name} is left out, ${absent.join(' and ')} not found; to have it: ${install}`);
      found.push({ name, how, missing: install });
      continue;
    }
    found.push({ name, how, version: peer.version(), ...(await measure(peer, place, pods)) });
    say(`${name} ${JSON.stringify(found.at(-1))}`);
  }
  return found;
}

async function measure(peer, { folder: parent, log }, pods) {
  const folder = join(parent, peer.name);
  mkdirSync(folder);
  const port = await freePort();
  const { command, parameters } = await peer.prepare({ folder, port, pods, ...peer.options });
  const child = spawnPinned(SERVER_CORE, command, parameters, { log });
  const asker = new Asker(port);
  let changer;
  try {
    // A pod that no change touches.
    await asker.until(pods - 1, 0, 20);
    changer = peer.changer({ folder, port, log });
    const times = [];
    for (let n = 1; n <= peer.changes; n++) {
      const began = performance.now();
      changer.change(n);
      await asker.until(MOVED, n);
      times.push(performance.now() - began);
      await pause(5);
    }
    return quantiles(times);
  } finally {
    asker.close();
    await changer?.close();
    await stop(child);
  }
}
