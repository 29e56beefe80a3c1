/** The facts of inventories, from the catalog. */
import type { InventoryFacts } from '../answer/inventory.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Pod, Service } from '../model.ts';

export function catalogInventory(catalog: Catalog): InventoryFacts {
  return {
    namespaces: (vpc) => {
      const names = new Set<string>();
      for (const scope of catalog.scopes()) {
        if (scope.vpc === vpc && scope.namespace !== '') names.add(scope.namespace);
      }
      return [...names].sort();
    },
    pods: (vpc, namespace) =>
      catalog.list('pod', namespace === undefined ? { vpc } : { vpc, namespace }, true) as Iterable<Pod>,
    services: (vpc) => catalog.list('service', { vpc }, true) as Iterable<Service>,
  };
}
