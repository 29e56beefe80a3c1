/** `ns ls`, `vpc ls`, `overlay ls`, `network ls`, `pod ls`, `service ls`: lists resources, as a table or as JSON. */
import { Command } from 'commander';
import { keyOf, KINDS, type Kind, type Resource, type ResourceKey } from '../../model.ts';
import { addAdminOptions, adminLines, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import { LISTINGS, type Listing } from '../columns.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_NEGATIVE, EXIT_UNREACHABLE, EXIT_USAGE } from '../exit.ts';
import { withImplied } from '../implied.ts';
import { errorLine, line, pathOf, type Io } from '../io.ts';
import { LiveList, type LiveListOptions } from '../live-list.ts';
import { addOutput, jsonText } from '../output.ts';
import { fits, kindWord, pathForms, readPath, type ResourcePath } from '../resource-path.ts';
import { SUMMARIES } from '../summaries.ts';
import { rowText, tableText, widthsOf } from '../table.ts';
import { loadZones } from '../zones.ts';

interface ListOptions extends AdminOptions {
  zones?: string;
  namespace?: string;
  vpc?: string;
  output: 'table' | 'json';
  watch?: true;
}

/** Which resources of a listing are wanted. */
interface Filter {
  path: ResourcePath;
  namespace?: string;
  vpc?: string;
}

/** Milliseconds within which many changes become one comparison. */
const COALESCED = 100;

/** The command of one listing, by its word: `pod` contains `pod ls`. */
export function listCommand(io: Io, word: string): Command {
  const listing = LISTINGS[word]!;
  const ls = new Command('ls')
    .description(`list ${SUMMARIES[word]}`)
    .argument('[name]', `only this one: ${pathForms(listing.kind, 1)}; its id names it too`)
    .option('--zones <dir>', 'read this folder of zone files, or one file, instead of the running server')
    .option('-n, --namespace <ns>', 'only this namespace')
    .option('--vpc <vpc>', 'only this VPC')
    .option('--watch', 'print the list, then each change as it comes, until the server or the user stops');
  addOutput(ls, 'table').action(async (name: string | undefined, options: ListOptions) => {
    const { namespace, vpc } = options;
    const path = name === undefined ? {} : readPath(listing.kind, name, 1);
    const filter: Filter = { path, namespace: namespace?.toLowerCase(), vpc: vpc?.toLowerCase() };
    if (options.watch) return follow(listing, filter, options, io);
    const { resources, failed } =
      options.zones === undefined
        ? { resources: await askLists(listing, filter, options, io), failed: false }
        : loadZones(pathOf(io, options.zones), io);
    const all = withImplied(resources).filter(inVpc(filter.vpc));
    const several = new Set(all.map((resource) => keyOf(resource).vpc)).size > 1;
    const rows = select(listing, all, filter);
    if (rows.length > 0 || options.output === 'json') io.out(render(listing, rows, options.output, several));
    if (failed) throw new CommandError(EXIT_BAD_CONFIG, 'the list is incomplete, see the errors above');
    if (rows.length > 0) return;
    const text = nothingText(word, name, options);
    if (name !== undefined) throw new CommandError(EXIT_NEGATIVE, text);
    if (options.output === 'table') errorLine(io, `podns: ${text}`);
  });
  addAdminOptions(ls);
  return new Command(word).addCommand(ls);
}

/** `no pod matches web -n shop`: with the filter as the user wrote it. */
function nothingText(word: string, name: string | undefined, { namespace, vpc }: ListOptions): string {
  const filter = [
    name ?? '',
    namespace === undefined ? '' : `-n ${namespace}`,
    vpc === undefined ? '' : `--vpc ${vpc}`,
  ].filter((part) => part !== '');
  const { kind } = LISTINGS[word]!;
  const one = word === 'network' ? word : kindWord(kind);
  return filter.length === 0 ? `there is no ${one}` : `no ${one} matches ${filter.join(' ')}`;
}

/** The list, then its changes, from the watch stream of the server: nothing is missed between the two. */
async function follow(listing: Listing, filter: Filter, options: ListOptions, io: Io): Promise<void> {
  if (options.zones !== undefined)
    throw new CommandError(EXIT_USAGE, '--watch follows a running server; it cannot be used with --zones');
  const target = adminTarget(options, io);
  const printer = livePrinter(listing, options.output, io);
  const list = new LiveList({
    ...printer,
    kinds: listing.kind === 'pod' || listing.kind === 'service' ? [listing.kind] : KINDS,
    direct: listing.kind === 'pod' || listing.kind === 'service',
    select: (all) => select(listing, withImplied(all).filter(inVpc(filter.vpc)), filter),
    later: (work) => void setTimeout(work, COALESCED),
  });
  const query = filter.vpc === undefined ? '' : `?${new URLSearchParams({ vpc: filter.vpc }).toString()}`;
  for await (const text of adminLines(target, `/v1/watch${query}`)) list.line(text);
  throw new CommandError(EXIT_UNREACHABLE, `${target.text}: the server ended the stream`);
}

/** As JSON each row is one line, `{"change":"put","object":{…}}`; the change of the first rows is `list`. */
function livePrinter(
  listing: Listing,
  output: 'table' | 'json',
  io: Io,
): Pick<LiveListOptions, 'list' | 'changed'> {
  const json = (change: string, object: Resource): void => line(io, JSON.stringify({ change, object }));
  if (output === 'json') {
    return {
      list: (resources) => resources.forEach((resource) => json('list', resource)),
      changed: json,
    };
  }
  const vpcs = new Set<string>();
  let widths: number[] = [];
  const row = (change: string, resource: Resource): string[] => {
    vpcs.add(keyOf(resource).vpc);
    const cells = [...listing.row(resource), change];
    return vpcs.size > 1 && listing.kind !== 'vpc' ? [...cells, keyOf(resource).vpc] : cells;
  };
  return {
    list(resources) {
      for (const resource of resources) vpcs.add(keyOf(resource).vpc);
      const several = vpcs.size > 1 && listing.kind !== 'vpc';
      const header = [...listing.header, 'change', ...(several ? ['vpc'] : [])];
      const rows = resources.map((resource) => row('', resource));
      // Wide enough for the changes too.
      widths = widthsOf(header, [...rows, header.map((word) => (word === 'change' ? 'delete' : '-'))]);
      io.out([header, ...rows].map((cells) => rowText(cells, widths)).join(''));
    },
    changed: (change, resource) => io.out(rowText(row(change, resource), widths)),
  };
}

/** The lists that a listing reads. It always reads the VPCs, because with several of them each row names its VPC. */
const NEEDED: Record<Kind, string[]> = {
  vpc: ['vpcs', 'namespaces'],
  namespace: ['vpcs', 'namespaces'],
  // Pods imply overlays.
  overlay: ['vpcs', 'overlays', 'pods'],
  pod: ['vpcs', 'pods'],
  service: ['vpcs', 'services'],
};

async function askLists(
  { kind }: Listing,
  { vpc, namespace }: Filter,
  options: ListOptions,
  io: Io,
): Promise<Resource[]> {
  const target = adminTarget(options, io);
  const all: Resource[] = [];
  for (const list of NEEDED[kind]) {
    const query = new URLSearchParams();
    if (vpc !== undefined) query.set('vpc', vpc);
    if (namespace !== undefined && list !== 'vpcs') query.set('namespace', namespace);
    for (const resource of await askAdmin<Resource[]>(target, `/v1/${list}?${query.toString()}`))
      all.push(resource);
  }
  return all;
}

function inVpc(vpc: string | undefined): (resource: Resource) => boolean {
  return (resource) => vpc === undefined || keyOf(resource).vpc === vpc;
}

/** The resources of a listing, in order; with a namespace, the VPCs that contain it. */
function select(listing: Listing, resources: readonly Resource[], { path, namespace }: Filter): Resource[] {
  const keys = new Map(resources.map((resource) => [resource, keyOf(resource)]));
  const holders = new Set(
    [...keys.values()].filter((key) => key.namespace === namespace).map((key) => key.vpc),
  );
  const wanted = (resource: Resource): boolean => {
    const key = keys.get(resource)!;
    if (key.kind !== listing.kind || !fits(path, key, idOf(resource))) return false;
    if (namespace === undefined) return true;
    return key.kind === 'vpc' ? holders.has(key.vpc) : key.namespace === namespace;
  };
  return resources.filter(wanted).sort((a, b) => compareKeys(keys.get(a)!, keys.get(b)!));
}

function idOf(resource: Resource): string | undefined {
  return 'aid' in resource ? resource.aid : undefined;
}

function compareKeys(a: ResourceKey, b: ResourceKey): number {
  return compare(a.vpc, b.vpc) || compare(a.namespace, b.namespace) || compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A table, or one JSON array. `several`: there is more than one VPC, so each row names its VPC. */
function render(
  listing: Listing,
  resources: readonly Resource[],
  format: 'table' | 'json',
  several: boolean,
): string {
  if (format === 'json') return jsonText(resources);
  if (!several || listing.kind === 'vpc') return tableText(listing.header, resources.map(listing.row));
  const rows = resources.map((resource) => [...listing.row(resource), keyOf(resource).vpc]);
  return tableText([...listing.header, 'vpc'], rows);
}
