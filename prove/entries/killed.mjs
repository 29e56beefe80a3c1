/** SIGKILL at random moments while records change: the next start serves a state that was, whole, without its source. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../../bench/hostile-server.mjs';
import { stop } from '../../bench/process.mjs';
import { AAAA, buildQuery, parseAnswer, random } from '../../bench/wire.mjs';
import { count } from '../child.mjs';

const PATIENCE = 10_000;

/** Both pods change together: an answer of one revision beside one of another is a state that never was. */
function zoneOf(revision) {
  const address = (host) => `fdfd:1a8::${host}:${revision.toString(16)}`;
  return JSON.stringify({
    vpc: 'aep',
    net6: ['fdfd:1a8::/48'],
    namespaces: { web: { pods: { db: { ip6: address(1) }, app: { ip6: address(2) } } } },
  });
}

/** The revision that the answer is of; -1 for no address. */
async function revisionOf(socket, name) {
  for (let tries = 0; tries < PATIENCE / 100; tries++) {
    socket.send(buildQuery(tries + 1, name, AAAA));
    const heard = await Promise.race([
      once(socket, 'message'),
      new Promise((resolve) => setTimeout(resolve, 100)),
    ]);
    if (heard === undefined) continue;
    const { rcode, rdata } = parseAnswer(heard[0]);
    return rcode === 0 && rdata.length === 1 ? Number.parseInt(rdata[0].slice(-4), 16) : -1;
  }
  throw new Error(`${name}: no answer within ${PATIENCE} ms`);
}

async function asking(port, ask) {
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  try {
    return await ask(socket);
  } finally {
    socket.close();
  }
}

async function run({ rounds }) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-killed-'));
  const zones = join(folder, 'zones');
  const away = join(folder, 'away');
  const below = random(20_261_128);
  const flags = ['--state', join(folder, 'state'), '--zones', zones];
  const faults = [];
  let revision = 0;
  let lag = 0;
  const write = () => {
    writeFileSync(join(folder, 'next'), zoneOf(++revision));
    renameSync(join(folder, 'next'), join(zones, 'aep.yaml'));
  };
  let starting;
  mkdirSync(zones);
  try {
    for (let round = 1; round <= rounds && faults.length === 0; round++) {
      write();
      starting = startServer(folder, flags, false);
      const { server, port } = await starting;
      const least = revision;
      await asking(port, async (socket) => {
        for (let i = 0; i < 100 && (await revisionOf(socket, 'db')) < least; i++)
          await new Promise((resolve) => setTimeout(resolve, 50));
      });
      const changing = setInterval(write, 5);
      await new Promise((resolve) => setTimeout(resolve, 1 + below(600)));
      server.kill('SIGKILL');
      clearInterval(changing);
      await once(server, 'exit');
      // Without its source, only what was saved can be served.
      renameSync(zones, away);
      starting = startServer(folder, flags, false);
      const second = await starting;
      const [db, app] = await asking(second.port, async (socket) => [
        await revisionOf(socket, 'db'),
        await revisionOf(socket, 'app'),
      ]);
      if (db !== app) faults.push(`round ${round}: db of revision ${db}, app of ${app}`);
      else if (db < 0) faults.push(`round ${round}: nothing is served`);
      else if (db > (revision & 0xffff)) faults.push(`round ${round}: revision ${db} was never written`);
      lag = Math.max(lag, revision - db);
      await stop(second.server, 'SIGKILL');
      renameSync(away, zones);
    }
  } finally {
    const last = await Promise.resolve(starting).catch(() => undefined);
    if (last !== undefined) await stop(last.server, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    got: `${count(revision)} changes, each start served a whole saved state, at most ${lag} changes old`,
    faults,
  };
}

export const killed = {
  name: 'kill-9',
  about:
    'SIGKILL at a random moment while two pods change together: the next start, without its source, serves both of one revision',
  short: { rounds: 3 },
  long: { rounds: 1000 },
  reach: ({ rounds }) => `${count(rounds)} times`,
  run,
};
