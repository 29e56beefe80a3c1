/**
 * Two network namespaces for the bench: the server's, which is that of this process, and the client's, in which all pods'
 * addresses are local. A veth pair joins them, with or without a bridge at the server's end.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { NET4, NET6 } from '../pods.mjs';

/** The interface of the server's end and that of the bridge. */
export const PORT_NAME = 'wire0';
export const BRIDGE_NAME = 'bridge0';
export const CLIENT_NAME = 'pod0';
const SERVER = ['198.18.0.1/30', 'fd00:18::1/64'];
const CLIENT = ['198.18.0.2/30', 'fd00:18::2/64'];
const gateway = (prefix) => prefix.split('/')[0];

export function ip(line, fails = false) {
  const done = spawnSync('ip', line.split(' '), { encoding: 'utf8' });
  if (done.error !== undefined)
    throw new Error(`ip is needed: apt-get install iproute2 (${done.error.message})`);
  if (done.status !== 0 && !fails) throw new Error(`ip ${line}: ${done.stderr}`);
}

/** Where the index of an interface of this namespace stands; sysfs shows those of the namespace that mounted it. */
export function interfaceIndex(name) {
  const done = spawnSync('ip', ['-json', 'link', 'show', 'dev', name], { encoding: 'utf8' });
  return JSON.parse(done.stdout)[0].ifindex;
}

function address(name, addresses) {
  const [four, six] = addresses;
  ip(`addr add ${four} dev ${name}`);
  ip(`-6 addr add ${six} dev ${name} nodad`);
}

/** Takes down what is there and joins this namespace with that of process `pid`. */
export function join(pid, bridged) {
  ip(`link del ${PORT_NAME}`, true);
  ip(`link del ${BRIDGE_NAME}`, true);
  ip(`link add ${PORT_NAME} type veth peer name ${CLIENT_NAME} netns ${pid}`);
  ip(`link set ${PORT_NAME} up`);
  const end = bridged ? BRIDGE_NAME : PORT_NAME;
  if (bridged) {
    ip(`link add ${BRIDGE_NAME} type bridge`);
    ip(`link set ${PORT_NAME} master ${BRIDGE_NAME}`);
    ip(`link set ${BRIDGE_NAME} up`);
  }
  address(end, SERVER);
  ip(`route add ${NET4} via ${gateway(CLIENT[0])}`);
  ip(`-6 route add ${NET6} via ${gateway(CLIENT[1])}`);
}

/** The client's end, in its namespace. */
export function joinClient() {
  ip('link set lo up');
  ip(`link set ${CLIENT_NAME} up`);
  address(CLIENT_NAME, CLIENT);
  ip(`route add local ${NET4} dev lo`, true);
  ip(`route add local ${NET6} dev lo`, true);
  ip(`route add default via ${gateway(SERVER[0])}`);
  ip(`-6 route add default via ${gateway(SERVER[1])}`);
}

/** The kernel's threads that do a core's network work when nobody else does. */
export function softThread(core) {
  const done = spawnSync('pgrep', ['-x', `ksoftirqd/${core}`], { encoding: 'utf8' });
  return done.stdout
    .split('\n')
    .filter(Boolean)
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') !== '');
}
