/** Adds the VPCs, namespaces and overlays that other resources only refer to, as the server does. */
import { impliedOverlay } from '../source/validate/names.ts';
import { keyOf, keyText, overlayPlace, type Resource } from '../model.ts';

/** The given resources come first, in their order. */
export function withImplied(resources: readonly Resource[]): Resource[] {
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
    for (const { overlay } of resource.overlays) {
      const place = overlayPlace(overlay, namespace);
      imply({ kind: 'namespace', vpc, name: place.namespace });
      imply(impliedOverlay(vpc, place.namespace, place.name));
    }
  }
  return [...all.values()];
}
