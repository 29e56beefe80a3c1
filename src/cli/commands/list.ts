/** `ns ls`, `vpc ls`, `overlay ls`, `network ls`, `pod ls`, `service ls`: lists resources, as a table or as JSON. */
import { Command, Option } from 'commander';
import { keyOf, keyText, type Kind, type Resource, type ResourceKey } from '../../model.ts';
import { impliedOverlay } from '../../source/validate/names.ts';
import { addAdminOptions, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import { LISTINGS, type Listing, tableText } from '../columns.ts';
import { EXIT_BAD_CONFIG, CommandError } from '../exit.ts';
import { pathOf, type Io } from '../io.ts';
import { loadZones } from '../resource-files.ts';

interface ListOptions extends AdminOptions {
  zones?: string;
  namespace?: string;
  vpc?: string;
  output: 'table' | 'json';
}

const WHAT: Record<string, string> = {
  ns: 'namespaces',
  vpc: 'VPCs',
  overlay: 'overlays',
  network: 'overlays in the layout of docker network ls',
  pod: 'pods',
  service: 'services',
};

/** The command of one listing, by its word: `pod` contains `pod ls`. */
export function listCommand(io: Io, word: string): Command {
  const listing = LISTINGS[word]!;
  const ls = new Command('ls')
    .description(`list ${WHAT[word]}`)
    .option('--zones <dir>', 'read this folder of zone files, or one file, instead of the running server')
    .option('-n, --namespace <ns>', 'only this namespace')
    .option('--vpc <vpc>', 'only this VPC')
    .addOption(
      new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'),
    )
    .action(async (options: ListOptions) => {
      const { resources, failed } =
        options.zones === undefined
          ? { resources: await askLists(listing, options, io), failed: false }
          : loadZones(pathOf(io, options.zones), io);
      const all = withImplied(resources).filter(inVpc(options.vpc));
      const several = new Set(all.map((resource) => keyOf(resource).vpc)).size > 1;
      io.out(render(listing, select(listing, all, options.namespace), options.output, several));
      if (failed) throw new CommandError(EXIT_BAD_CONFIG, 'the list is incomplete, see the errors above');
    });
  addAdminOptions(ls);
  return new Command(word).description(WHAT[word]!).addCommand(ls);
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

async function askLists({ kind }: Listing, options: ListOptions, io: Io): Promise<Resource[]> {
  const target = adminTarget(options, io);
  const all: Resource[] = [];
  for (const list of NEEDED[kind]) {
    const query = new URLSearchParams();
    if (options.vpc !== undefined) query.set('vpc', options.vpc);
    if (options.namespace !== undefined && list !== 'vpcs') query.set('namespace', options.namespace);
    for (const resource of await askAdmin<Resource[]>(target, `/v1/${list}?${query.toString()}`))
      all.push(resource);
  }
  return all;
}

function inVpc(vpc: string | undefined): (resource: Resource) => boolean {
  const folded = vpc?.toLowerCase();
  return (resource) => folded === undefined || keyOf(resource).vpc === folded;
}

/** The resources of a listing, in order; with a namespace, the VPCs that contain it. */
export function select(listing: Listing, resources: readonly Resource[], namespace?: string): Resource[] {
  const keys = new Map(resources.map((resource) => [resource, keyOf(resource)]));
  const folded = namespace?.toLowerCase();
  const holders = new Set([...keys.values()].filter((key) => key.namespace === folded).map((key) => key.vpc));
  const wanted = (key: ResourceKey): boolean => {
    if (key.kind !== listing.kind) return false;
    if (folded === undefined) return true;
    return key.kind === 'vpc' ? holders.has(key.vpc) : key.namespace === folded;
  };
  return resources
    .filter((resource) => wanted(keys.get(resource)!))
    .sort((a, b) => compareKeys(keys.get(a)!, keys.get(b)!));
}

function compareKeys(a: ResourceKey, b: ResourceKey): number {
  return compare(a.vpc, b.vpc) || compare(a.namespace, b.namespace) || compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A table, or one JSON array. `several`: there is more than one VPC, so each row names its VPC. */
export function render(
  listing: Listing,
  resources: readonly Resource[],
  format: 'table' | 'json',
  several: boolean,
): string {
  if (format === 'json') return `${JSON.stringify(resources, undefined, 2)}\n`;
  if (!several || listing.kind === 'vpc') return tableText(listing.header, resources.map(listing.row));
  const rows = resources.map((resource) => [...listing.row(resource), keyOf(resource).vpc]);
  return tableText([...listing.header, 'vpc'], rows);
}

/**
 * Adds the VPCs, namespaces and overlays that other resources only refer to, as the server does. The given resources
 * come first, in their order.
 */
function withImplied(resources: readonly Resource[]): Resource[] {
  const all = new Map(resources.map((resource) => [keyText(keyOf(resource)), resource]));
  const imply = (resource: Resource): void => {
    const key = keyText(keyOf(resource));
    if (!all.has(key)) all.set(key, resource);
  };
  for (const resource of resources) {
    if (resource.kind === 'vpc') continue;
    const { vpc } = resource;
    imply({ kind: 'vpc', name: vpc, net6: [], services6: [] });
    if (resource.kind === 'namespace') continue;
    const { namespace } = resource;
    imply({ kind: 'namespace', vpc, name: namespace });
    if (resource.kind !== 'pod') continue;
    for (const { overlay } of resource.overlays) imply(impliedOverlay(vpc, namespace, overlay));
  }
  return [...all.values()];
}
