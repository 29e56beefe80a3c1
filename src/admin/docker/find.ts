/** The one network or container that a client means: by its id, its name, or the beginning of its id, as dockerd. */
import type { Overlay, Pod } from '../../model.ts';
import { impliedOverlay } from '../../source/validate/names.ts';
import { DockerFailure } from './failure.ts';
import { containerId } from './ids.ts';
import { networks } from './networks.ts';
import { eachPaced, Slice, type DockerView, type Paced } from './view.ts';

type Gone = () => boolean;

interface Found<T> {
  first: T | undefined;
  count: number;
}

/** Names are compared without case, as everywhere; ids as they are. */
interface Place {
  vpc: string;
  namespace: string;
  name: string;
}

/** Rejects with DockerFailure where there is none, or more than one. */
export async function findNetwork(view: DockerView, term: string, isGone?: Gone): Promise<Overlay> {
  const ambiguous = (count: number, how: string, help = ''): DockerFailure =>
    new DockerFailure(400, `network ${term} is ambiguous (${count} matches found based on ${how})${help}`);
  // No id has a slash, and every name has one.
  if (term.includes('/')) {
    const { first, count } = await byName(view, term, (place) => overlayAt(view, place, isGone), isGone);
    if (count > 1) throw ambiguous(count, 'name', `; ${first!.vpc}/${term} is one of them`);
    if (first !== undefined) return first;
  } else {
    const { whole, begins } = await byId(networks(view), term, isGone);
    if (whole.count > 1) throw ambiguous(whole.count, 'ID');
    if (whole.first !== undefined) return whole.first.overlay;
    if (begins.count > 1) throw ambiguous(begins.count, 'ID prefix');
    if (begins.first !== undefined) return begins.first.overlay;
  }
  throw new DockerFailure(404, `network ${term} not found`);
}

/** As `findNetwork`. */
export async function findContainer(view: DockerView, term: string, isGone?: Gone): Promise<Pod> {
  const { catalog, vpc } = view;
  const name = term.replace(/^\//, '');
  if (name.includes('/')) {
    const { first, count } = await byName(
      view,
      name,
      (place) => Promise.resolve(catalog.get({ kind: 'pod', ...place }) as Pod | undefined),
      isGone,
    );
    // Names of containers are unique in Docker, which therefore has no words for this.
    if (count > 1) {
      const help = `${first!.vpc}/${name} is one of them`;
      throw new DockerFailure(
        400,
        `container ${name} is ambiguous (${count} matches found based on name); ${help}`,
      );
    }
    if (first !== undefined) return first;
  } else {
    const pods = catalog.listPaced('pod', { vpc }) as Paced<Pod>;
    const { whole, begins } = await byId(pods, name, isGone, containerId);
    const found = whole.count > 0 ? whole : begins;
    if (found.count > 1) throw new DockerFailure(400, `multiple IDs found with provided prefix: ${name}`);
    if (found.first !== undefined) return found.first;
  }
  throw new DockerFailure(404, `No such container: ${term}`);
}

/** `namespace/name`, or with its VPC before that, of those VPCs that are shown. */
async function byName<T>(
  view: DockerView,
  term: string,
  at: (place: Place) => Promise<T | undefined>,
  isGone?: Gone,
): Promise<Found<T>> {
  const found: Found<T> = { first: undefined, count: 0 };
  const parts = term.toLowerCase().split('/');
  const [name, namespace, only] = parts.reverse() as [string, string, string | undefined];
  if (parts.length > 3 || parts.includes('')) return found;
  const vpcs: string[] = [];
  if (view.vpc !== undefined) {
    if (only === undefined || only === view.vpc) vpcs.push(view.vpc);
  } else if (only !== undefined) vpcs.push(only);
  else {
    const list = view.catalog.listPaced('vpc', { namespace }, true);
    await eachPaced(list, (vpc) => void vpcs.push(vpc.name), isGone);
  }
  const slice = new Slice();
  for (const vpc of vpcs) {
    if (slice.spend()) await new Promise(setImmediate);
    const one = await at({ vpc, namespace, name });
    if (one === undefined) continue;
    found.first ??= one;
    found.count++;
  }
  return found;
}

async function overlayAt(view: DockerView, place: Place, isGone?: Gone): Promise<Overlay | undefined> {
  const { vpc, namespace, name } = place;
  const described = view.catalog.get({ kind: 'overlay', ...place });
  if (described !== undefined) return described as Overlay;
  let isNamed = false;
  for (const each of view.catalog.foreignOverlays(vpc))
    if (each.namespace === namespace && each.name === name) return impliedOverlay(vpc, namespace, name);
  const pods = view.catalog.listPaced('pod', { vpc, namespace }) as Paced<Pod>;
  await eachPaced(pods, (pod) => (isNamed ||= pod.overlays.some(({ overlay }) => overlay === name)), isGone);
  return isNamed ? impliedOverlay(vpc, namespace, name) : undefined;
}

async function byId<T extends { aid: string }>(
  list: Paced<T>,
  term: string,
  isGone?: Gone,
  idOf: (one: T) => string = ({ aid }) => aid,
): Promise<{ whole: Found<T>; begins: Found<T> }> {
  const whole: Found<T> = { first: undefined, count: 0 };
  const begins: Found<T> = { first: undefined, count: 0 };
  const use = (one: T): void => {
    const id = idOf(one);
    if (!id.startsWith(term)) return;
    const found = id === term || one.aid === term ? whole : begins;
    found.first ??= one;
    found.count++;
  };
  if (term !== '') await eachPaced(list, use, isGone);
  return { whole, begins };
}
