/** The bodies of the long answers, piece by piece: all networks, all containers, one network with its containers. */
import type { Overlay, Pod } from '../../model.ts';
import { overlayPath } from '../../model.ts';
import { containerFilter, containerRow } from './containers.ts';
import { memberOf, Surroundings } from './endpoints.ts';
import type { Filters } from './filters.ts';
import { containerId } from './ids.ts';
import { createdOf, nameOf, networkFilter, networkParts, networks } from './networks.ts';
import { Slice, type DockerView, type Paced } from './view.ts';

/** Text, or '' where its reader may pause. */
type Pieces = Generator<string, void, undefined>;

export function networkList(view: DockerView, filters: Filters): Pieces {
  const isListed = networkFilter(filters);
  return list(
    networks(view),
    (network) => {
      if (!isListed(network)) return undefined;
      const { overlay } = network;
      const [head, tail] = networkParts(overlay, createdOf(view.catalog, overlay.vpc, overlay.namespace));
      // As dockerd does it: who wants to know the containers inspects the network.
      return { ...head, Containers: {}, ...tail };
    },
    filters,
  );
}

/** `limit`: so many at most. */
export function containerList(view: DockerView, filters: Filters, limit: number): Pieces {
  const isListed = containerFilter(filters);
  const surroundings = new Surroundings(view.catalog);
  const pods = view.catalog.listPaced('pod', { vpc: view.vpc }) as Paced<Pod>;
  return list(
    pods,
    (pod) => (isListed(pod, surroundings) ? containerRow(pod, surroundings) : undefined),
    filters,
    limit,
  );
}

function* list<T extends { aid: string }>(
  values: Paced<T>,
  write: (value: T) => object | undefined,
  filters: Filters,
  limit = Infinity,
): Pieces {
  const slice = new Slice();
  let text = '[';
  let count = 0;
  for (const value of values) {
    if (count >= limit) break;
    let isDue = true;
    if (value !== undefined) {
      isDue = slice.spend(1 + filters.cost(LONGEST));
      const written = write(value);
      if (written !== undefined) text += `${count++ === 0 ? '' : ','}${JSON.stringify(written)}`;
    }
    if (!isDue) continue;
    yield text;
    text = '';
  }
  yield `${text}]\n`;
}

/** Namespace, slash and a name. */
const LONGEST = 63 + 1 + 253;

/** `network inspect`. */
export function* networkDetails({ catalog }: DockerView, overlay: Overlay): Pieces {
  const { vpc, namespace } = overlay;
  const path = nameOf(overlay);
  // Pods of other namespaces are on it only where some name it with its namespace.
  const isNamed = [...catalog.foreignOverlays(vpc)].some((each) => nameOf(each) === path);
  const filter = isNamed ? { vpc } : { vpc, namespace };
  const [head, tail] = networkParts(overlay, createdOf(catalog, vpc, namespace));
  const slice = new Slice();
  let count = 0;
  let text = `${JSON.stringify(head).slice(0, -1)},"Containers":{`;
  for (const pod of catalog.listPaced('pod', filter) as Paced<Pod>) {
    const attachment = pod?.overlays.find((one) => overlayPath(one.overlay, pod.namespace) === path);
    if (pod !== undefined && attachment !== undefined) {
      const member = JSON.stringify(memberOf(pod, attachment, overlay));
      text += `${count++ === 0 ? '' : ','}${JSON.stringify(containerId(pod))}:${member}`;
    }
    if (pod !== undefined && !slice.spend()) continue;
    yield text;
    text = '';
  }
  yield `${text}},${JSON.stringify(tail).slice(1)}\n`;
}
