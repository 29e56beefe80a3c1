/** The content of TXT inventories, read from the catalog: reads only what the query needs. */
import type { Inventory, InventoryFacts } from '../answer/defer/inventory.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Kind, Pod, Service } from '../model.ts';

/** The number of namespaces or resources above which a list is not sorted, which would take some milliseconds. */
const SORTED_MOST = 1024;

export function catalogInventory(catalog: Catalog): InventoryFacts {
  const namespaces = (vpc: string): string[] => {
    const names: string[] = [];
    for (const { namespace } of catalog.scopes(vpc)) if (namespace !== '') names.push(namespace);
    return names.length > SORTED_MOST ? names : names.sort();
  };
  const all = (kind: Kind, vpc: string, namespace: string | undefined): Inventory<never> => ({
    each: inOrder(
      catalog,
      kind,
      vpc,
      namespace === undefined ? namespaces(vpc) : [namespace],
    ) as Iterable<never>,
    count: catalog.count(kind, vpc, namespace),
  });
  return {
    namespaces: (vpc) => {
      const each = namespaces(vpc);
      return { each, count: each.length };
    },
    pods: (vpc, namespace): Inventory<Pod> => all('pod', vpc, namespace),
    services: (vpc): Inventory<Service> => all('service', vpc, undefined),
  };
}

function* inOrder(catalog: Catalog, kind: Kind, vpc: string, namespaces: string[]) {
  for (const namespace of namespaces) {
    const sorted = catalog.count(kind, vpc, namespace) <= SORTED_MOST;
    yield* catalog.list(kind, { vpc, namespace }, sorted);
  }
}
