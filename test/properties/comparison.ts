/** An answer of the server beside that of the reference model, and the clients that may ask. */
import { splitName } from '../harness/build.ts';
import { NAMESPACES } from '../harness/random.ts';
import type { Reference } from '../harness/reference.ts';
import type { ReferenceSource, ReferenceWorld } from '../harness/reference-world.ts';
import { nameText, typeText } from '../harness/wire-text.ts';
import type { WireMessage } from '../harness/wire.ts';

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Clients of the tenant as it stands: a stranger on each namespace's listener, an unknown pod, pods by address. */
export function sourcesOf(world: ReferenceWorld): { source: ReferenceSource; scope: string }[] {
  const sources = NAMESPACES.map((namespace) => ({
    source: { address: '127.0.0.1', vpc: 'red', namespace },
    scope: `@red/${namespace}`,
  }));
  sources.push({ source: { address: 'fdfd:1::dead', vpc: '', namespace: '' }, scope: '' });
  for (const pod of world.pods('red')) {
    const ip6 = world.ownIp6(pod);
    if (ip6 !== undefined) sources.push({ source: { address: ip6, vpc: '', namespace: '' }, scope: '' });
    for (const { ip4 } of pod.overlays) {
      if (ip4 === undefined || new Set(world.holders4('red', ip4).map((one) => one.pod)).size !== 1) continue;
      sources.push({ source: { address: ip4, vpc: 'red', namespace: '' }, scope: '@red' });
    }
  }
  return sources;
}

/** Every difference. */
export function compare(
  reference: Reference,
  source: ReferenceSource,
  name: string,
  type: string,
  message: WireMessage,
): string[] {
  const labels = splitName(name).map(lower);
  const reply = reference.reply(source, labels, type);
  const faults: string[] = [];
  const same = (what: string, got: unknown, wanted: unknown): void => {
    if (JSON.stringify(got) !== JSON.stringify(wanted)) {
      faults.push(`${what}: server ${JSON.stringify(got)}, model ${JSON.stringify(wanted)}`);
    }
  };
  same('rcode', RCODES[message.rcode], reply.rcode);
  if (reply.outside === true) same('AA of an outside name', message.flags.aa, false);
  if (reply.open === true || reply.outside === true) return faults;
  const answer = message.answer.map((record) => `${typeText(record.type)} ${record.text}`);
  // Of several pods with one IPv4 the client may share an overlay with more than one: any of them will do.
  const pointers = type === 'PTR' && labels.at(-2) === 'in-addr';
  // A client on all overlays of a namespace is given the name of one of the holders there, or none.
  if (pointers && source.namespace !== '' && answer.length === 0 && reply.answer.length === 1) return faults;
  if (pointers) same('PTR count', answer.length, reply.answer.length);
  else if (reply.soaAnswer === true)
    same(
      'answer types',
      message.answer.map((record) => record.type),
      [6],
    );
  else same('answer', answer.toSorted(), reply.answer.toSorted());
  const soa = message.authority.find((record) => record.type === 6);
  same('soa', soa === undefined ? undefined : lower(nameText(soa.name)), reply.soa);
  return faults;
}
