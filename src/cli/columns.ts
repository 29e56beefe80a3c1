/** The columns of each list, and text in columns. */
import type { Attachment, Kind, Namespace, Overlay, Pod, Port, Resource, Service, Vpc } from '../model.ts';
import { plainText } from '../model-text.ts';

/** One list: which resources, and its columns. */
export interface Listing {
  kind: Kind;
  header: string[];
  row(resource: Resource): string[];
}

function listing<R extends Resource>(
  kind: R['kind'],
  header: string[],
  row: (resource: R) => string[],
): Listing {
  return { kind, header, row: (resource) => row(resource as R) };
}

/** By the word on the command line. */
export const LISTINGS: Record<string, Listing> = {
  ns: listing<Namespace>('namespace', ['NAME', 'CREATED'], ({ name, created }) => [name, timeText(created)]),
  vpc: listing<Vpc>('vpc', ['id', 'name', 'net6'], ({ id, name, net6 }) => [id ?? '', name, net6.join(',')]),
  overlay: listing<Overlay>(
    'overlay',
    ['aid', 'namespace', 'name', 'driver', 'net4', 'net6'],
    ({ aid, namespace, name, driver, net4, net6 }) => [aid, namespace, name, driver, net4 ?? '', net6 ?? ''],
  ),
  network: listing<Overlay>(
    'overlay',
    ['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE'],
    ({ aid, namespace, name, driver }) => [aid, `${namespace}/${name}`, driver, 'global'],
  ),
  pod: listing<Pod>(
    'pod',
    ['aid', 'namespace', 'name', 'ip6', 'overlays', 'ready'],
    ({ aid, namespace, name, ip6, overlays, ready }) => [
      aid,
      namespace,
      name,
      ip6 ?? '',
      overlays.map(attachmentText).join(','),
      ready ? 'yes' : 'no',
    ],
  ),
  service: listing<Service>(
    'service',
    ['aid', 'namespace', 'name', 'ip6', 'ports'],
    ({ aid, namespace, name, ip6, ports }) => [
      aid,
      namespace,
      name,
      ip6 ?? '',
      ports.map(portText).join(','),
    ],
  ),
};

/** `2023-09-11 12:16:30`, in UTC. */
function timeText(time: string | undefined): string {
  return time === undefined ? '' : new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}

/** `default=10.198.62.20`; an overlay without an address shows only its name. */
function attachmentText({ overlay, ip4, ip6 }: Attachment): string {
  const addresses = [ip4, ip6].filter((address) => address !== undefined);
  return addresses.length === 0 ? overlay : `${overlay}=${addresses.join('+')}`;
}

/** `http=80/tcp`. */
function portText({ name, protocol, port }: Port): string {
  return `${name}=${port}/${protocol}`;
}

/**
 * Left-aligned, two spaces between columns, none after the last. `-` stands for an empty cell, so that tools such as awk
 * can count columns.
 */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => (cell === '' ? '-' : plainText(cell))))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map(
      (row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd() + '\n',
    )
    .join('');
}
