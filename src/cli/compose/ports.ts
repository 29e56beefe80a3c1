/** The ports of a compose service as its pods have them: the container's side, published or not. */
import type { Port, Protocol } from '../../model.ts';
import { foldPortName, whyNotPortName } from '../../source/text.ts';
import { isMap, type ComposeSource, type Path } from './source.ts';

const PORTS_MAX = 1024;

/** `ports` and `expose` together, each port once. A port without a name is named by its number. */
export function readPorts(source: ComposeSource, service: Record<string, unknown>, path: Path): Port[] {
  const ports = new Map<string, Port>();
  const add = (name: string, protocol: Protocol, port: number): void => {
    const key = `${port}/${protocol}`;
    // A long form with a name says more than the same port in `expose`.
    if (!ports.has(key) || /^\d+$/.test(ports.get(key)!.name)) ports.set(key, { name, protocol, port });
  };
  for (const [list, published] of [['ports', true] as const, ['expose', false] as const]) {
    source.items(service[list], [...path, list]).forEach((item, index) => {
      const here = [...path, list, index];
      if (isMap(item)) readLong(source, item, here, add);
      else readShort(source, item, here, published, add);
    });
  }
  if (ports.size > PORTS_MAX) source.fail([...path, 'ports'], `more than ${PORTS_MAX} ports`);
  return [...ports.values()].slice(0, PORTS_MAX);
}

type Add = (name: string, protocol: Protocol, port: number) => void;

function readLong(source: ComposeSource, item: Record<string, unknown>, path: Path, add: Add): void {
  const protocol = protocolOf(source, item['protocol'] ?? 'tcp', [...path, 'protocol']);
  const target = source.text(item['target'], [...path, 'target']);
  const range = rangeOf(target ?? '');
  if (range === undefined) {
    source.fail(path, 'target must be a port, 1 to 65535');
    return;
  }
  const given = source.text(item['name'], [...path, 'name']);
  const name = given === undefined ? undefined : foldPortName(given);
  if (given !== undefined && name === undefined) source.fail([...path, 'name'], whyNotPortName(given));
  if (protocol !== undefined) addRange(range, protocol, add, name);
}

/** `80`, `8080:80`, `127.0.0.1:8080:80/udp`, `[::1]:6000-6010:6000-6010`; `expose` has no host side. */
function readShort(source: ComposeSource, item: unknown, path: Path, published: boolean, add: Add): void {
  const text = source.text(item, path);
  if (text === undefined) return;
  const match = /^(?:(.*):)?([\d-]+)(?:\/(\w+))?$/.exec(text);
  const range = match === null ? undefined : rangeOf(match[2]!);
  if (match === null || range === undefined || (!published && match[1] !== undefined)) {
    const example = published ? '8080:80 or 53:53/udp' : '80 or 53/udp';
    source.fail(path, `${JSON.stringify(text)} is not a port, as in ${example}`);
    return;
  }
  const protocol = protocolOf(source, match[3] ?? 'tcp', path);
  if (protocol !== undefined) addRange(range, protocol, add);
}

function addRange([first, last]: [number, number], protocol: Protocol, add: Add, name?: string): void {
  // One more than is allowed is enough to be told.
  for (let port = first; port <= last && port - first <= PORTS_MAX; port++)
    add(name ?? String(port), protocol, port);
}

/** `80` or `8000-8010`; undefined where it is neither. */
function rangeOf(text: string): [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first >= 1 && last >= first && last <= 65_535 ? [first, last] : undefined;
}

function protocolOf(source: ComposeSource, value: unknown, path: Path): Protocol | undefined {
  const text = source.text(value, path)?.toLowerCase();
  if (text === 'tcp' || text === 'udp' || text === 'sctp') return text;
  return source.fail(path, `the protocol must be tcp, udp or sctp, not ${JSON.stringify(value)}`);
}
