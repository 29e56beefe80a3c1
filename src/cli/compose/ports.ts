/** The ports of a compose service as ports of its pods: the container's side, published or not. */
import type { Port, Protocol } from '../../model.ts';
import { portOf } from '../../source/docker/port-names.ts';
import { foldPortName, whyNotPortName } from '../../source/validate/field-parsers.ts';
import type { ComposeSource } from './source.ts';
import { valueAt, type MapValue, type Value } from './values.ts';

const PORTS_MAX = 1024;

/**
 * `ports` and `expose` together, each port once. What labels or the long form name has that name, the others that of the
 * well-known port, else their number.
 */
export function readPorts(source: ComposeSource, service: MapValue, named: readonly Port[] = []): Port[] {
  const ports = new Map<string, Port>();
  const fixed = new Set(named.map(({ port, protocol }) => `${port}/${protocol}`));
  const add = (name: string | undefined, protocol: Protocol, port: number): void => {
    const key = `${port}/${protocol}`;
    // A long form with a name wins over the same port in `expose`.
    if (fixed.has(key) || (ports.has(key) && name === undefined)) return;
    ports.set(key, name === undefined ? portOf(protocol, port) : { name, protocol, port });
  };
  for (const [list, published] of [['ports', true] as const, ['expose', false] as const]) {
    const value = valueAt(service, list);
    for (const item of source.items(value)) {
      // Stops early: the excess is reported once, and each item may be a range.
      if (ports.size > PORTS_MAX) break;
      if (item.kind === 'map') readLong(source, item, add);
      else readShort(source, item, published, add);
    }
    if (ports.size > PORTS_MAX && value !== undefined) source.fail(value, `more than ${PORTS_MAX} ports`);
  }
  return [...named, ...[...ports.values()].slice(0, PORTS_MAX)].sort(
    (left, right) => left.port - right.port || (left.protocol < right.protocol ? -1 : 1),
  );
}

type Add = (name: string | undefined, protocol: Protocol, port: number) => void;

function readLong(source: ComposeSource, item: MapValue, add: Add): void {
  const given = valueAt(item, 'protocol');
  const protocol = protocolOf(source, source.text(given) ?? 'tcp', given ?? item);
  const range = rangeOf(source.text(valueAt(item, 'target')) ?? '');
  if (range === undefined) {
    source.fail(item, 'target must be a port, 1 to 65535');
    return;
  }
  const named = valueAt(item, 'name');
  const text = source.text(named);
  const name = text === undefined ? undefined : foldPortName(text);
  if (text !== undefined && name === undefined) source.warn(named!, `is ignored: ${whyNotPortName(text)}`);
  if (protocol !== undefined) addRange(range, protocol, add, name);
}

/** `80`, `8080:80`, `127.0.0.1:8080:80/udp`, `[::1]:6000-6010:6000-6010`; `expose` has no host side. */
function readShort(source: ComposeSource, item: Value, published: boolean, add: Add): void {
  const text = source.text(item);
  if (text === undefined) return;
  const match = /^(?:(.*):)?([\d-]+)(?:\/(\w*))?$/.exec(text);
  const range = match === null ? undefined : rangeOf(match[2]!);
  if (match === null || range === undefined || (!published && match[1] !== undefined)) {
    const example = published ? '8080:80 or 53:53/udp' : '80 or 53/udp';
    source.fail(item, `${JSON.stringify(text)} is not a port, as in ${example}`);
    return;
  }
  const protocol = protocolOf(source, match[3] || 'tcp', item);
  if (protocol !== undefined) addRange(range, protocol, add);
}

function addRange([first, last]: [number, number], protocol: Protocol, add: Add, name?: string): void {
  // One more than the maximum is enough to report the excess.
  for (let port = first; port <= last && port - first <= PORTS_MAX; port++) add(name, protocol, port);
}

/** `80` or `8000-8010`; undefined where it is neither. */
function rangeOf(text: string): [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first >= 1 && last >= first && last <= 65_535 ? [first, last] : undefined;
}

function protocolOf(source: ComposeSource, text: string, at: Value): Protocol | undefined {
  const folded = text.toLowerCase();
  if (folded === 'tcp' || folded === 'udp' || folded === 'sctp') return folded;
  return source.fail(at, `the protocol must be tcp, udp or sctp, not ${JSON.stringify(text)}`);
}
