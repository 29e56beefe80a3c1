/** The data of every server under test: N pods of one VPC, each with an IPv6 and an overlay IPv4 address. */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

export const ZONE = 'vpc.internal';
export const VPC = 'bench';
/** Names outside, for the bench of forwarding. */
export const OUTSIDE = 'bench.example';
export const outsideName = (i) => `h${i}.${OUTSIDE}`;
/** Pods of one namespace. */
export const NAMESPACE_PODS = 100;
/** Prefixes of all pods; the namespace of the bench routes them to itself. */
export const NET6 = 'fdbe:0:1::/48';
export const NET4 = '10.0.0.0/8';

export const podName = (i) => `p${i}`;
export const namespaceName = (i) => `n${Math.floor(i / NAMESPACE_PODS)}`;
export const podDomain = (i) => `${podName(i)}.${namespaceName(i)}.${ZONE}`;

/** `generation` is another address of the same pod: the update bench moves pods. */
export function pod6(i, generation = 0) {
  const host = i + 1;
  return `fdbe:0:1:${generation.toString(16)}:0:0:${(host >>> 16).toString(16)}:${(host & 0xffff).toString(16)}`;
}

export function pod4(i) {
  const host = i + 256;
  return `10.${(host >>> 16) & 255}.${(host >>> 8) & 255}.${host & 255}`;
}

/** The 16 octets of `pod6`. */
export function pod6Octets(i, generation = 0) {
  const octets = Buffer.alloc(16);
  octets.write('fdbe00000001', 'hex');
  octets.writeUInt16BE(generation, 6);
  octets.writeUInt32BE(i + 1, 12);
  return octets;
}

export function pod4Octets(i) {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(0x0a000000 + i + 256);
  return octets;
}

export function podObject(i, generation = 0) {
  return {
    kind: 'pod',
    vpc: VPC,
    namespace: namespaceName(i),
    name: podName(i),
    ip6: pod6(i, generation),
    overlays: [{ overlay: 'default', ip4: pod4(i) }],
  };
}

/** Writes lines in large chunks and waits for the stream when it is full. */
export async function writeLines(stream, lines) {
  let chunk = '';
  for (const line of lines) {
    chunk += line + '\n';
    if (chunk.length < 1 << 18) continue;
    if (!stream.write(chunk)) await once(stream, 'drain');
    chunk = '';
  }
  if (chunk !== '' && !stream.write(chunk)) await once(stream, 'drain');
}

async function writeFile(path, lines) {
  const stream = createWriteStream(path);
  await writeLines(stream, lines);
  stream.end();
  await once(stream, 'finish');
}

function* zoneLines(count) {
  yield `$ORIGIN ${ZONE}.`;
  yield '$TTL 1';
  yield `@ 1 IN SOA ns hostmaster 1 3600 600 86400 1`;
  yield '@ NS ns';
  yield 'ns AAAA 2001:db8::53';
  for (let i = 0; i < count; i++) {
    yield `${podName(i)}.${namespaceName(i)} AAAA ${pod6(i)}`;
    yield `${podName(i)}.${namespaceName(i)} A ${pod4(i)}`;
  }
}

/** All outside names, for the upstream; none expires while the bench runs. */
export function* outsideLines(count) {
  yield `$ORIGIN ${OUTSIDE}.`;
  yield '$TTL 86400';
  yield '@ SOA ns hostmaster 1 3600 600 86400 3600';
  yield '@ NS ns';
  yield 'ns AAAA 2001:db8::53';
  for (let i = 0; i < count; i++) yield `h${i} AAAA ${pod6(i)}`;
}

function* hostsLines(count, from) {
  for (let i = from; i < count; i++) {
    yield `${pod6(i)} ${podDomain(i)}`;
    yield `${pod4(i)} ${podDomain(i)}`;
  }
}

/** The watch stream's full list at revision 1. */
export function* watchLines(count) {
  const head = { revision: '1' };
  const put = (object) => JSON.stringify({ type: 'put', ...head, object });
  yield JSON.stringify({ type: 'snapshot', ...head });
  yield put({ kind: 'vpc', name: VPC, net6: [NET6] });
  for (let i = 0; i < count; i += NAMESPACE_PODS) {
    const namespace = namespaceName(i);
    yield put({ kind: 'namespace', vpc: VPC, name: namespace });
    yield put({ kind: 'overlay', vpc: VPC, namespace, name: 'default', net4: NET4 });
  }
  for (let i = 0; i < count; i++) yield put(podObject(i));
  yield JSON.stringify({ type: 'synced', ...head });
}

export const writeZone = (path, count) => writeFile(path, zoneLines(count));
export const writeOutside = (path, count) => writeFile(path, outsideLines(count));
export const writeHosts = (path, count, from = 0) => writeFile(path, hostsLines(count, from));
export const writeWatch = (path, count) => writeFile(path, watchLines(count));
