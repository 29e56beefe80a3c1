/**
 * What readers of events know already: pods and overlays as they were last told, so that a change becomes what Docker
 * calls it. A removal names a resource and no more; Docker's events carry ids, and tell who left which network.
 */
import { hash } from 'node:crypto';
import type { Overlay, Pod, Resource, ResourceKey } from '../../model.ts';
import { overlayPlace } from '../../model.ts';
import { impliedOverlay } from '../../source/validate/names.ts';
import { containerId } from './ids.ts';
import { nameOf, scopeLabels } from './networks.ts';
import { Slice } from './view.ts';

/** One of Docker's events, without its time. */
export interface Happening {
  vpc: string;
  type: 'container' | 'network';
  action: string;
  id: string;
  attributes: Record<string, string>;
}

interface KnownPod {
  aid: string;
  ready: boolean;
  /** Overlays, each with its addresses: `default 10.0.0.1,fd00::1`. An array, because there are many pods. */
  places: readonly string[];
  /** Of all of it. */
  digest: string;
  /** The last list that had it, or was followed by its change. */
  list: number;
}

interface KnownOverlay {
  /** Undefined where nobody describes it. */
  described: Overlay | undefined;
  pods: number;
  list: number;
}

type Tell = (happening: Happening) => void;

/** VPC, namespace and name. */
type Place = Pick<Pod, 'vpc' | 'namespace' | 'name'>;

export class Known {
  private readonly pods = new Map<string, KnownPod>();
  private readonly overlays = new Map<string, KnownOverlay>();
  private readonly tell: Tell;
  private list = 0;

  constructor(tell: Tell) {
    this.tell = tell;
  }

  put(resource: Resource): void {
    if (resource.kind === 'pod') this.putPod(resource);
    else if (resource.kind === 'overlay') this.describe(resource, resource);
  }

  delete({ kind, vpc, namespace, name }: Pick<ResourceKey, 'kind' | 'vpc' | 'namespace' | 'name'>): void {
    const place = { vpc, namespace, name };
    if (kind === 'pod') this.deletePod(place);
    else if (kind === 'overlay') this.describe(place, undefined);
  }

  /** All there is will be put; what was known otherwise is deleted by `endList`. */
  beginList(): void {
    this.list++;
  }

  /** Paced. */
  *endList(): Generator<undefined, void, undefined> {
    const slice = new Slice();
    for (const [key, pod] of this.pods) {
      if (pod.list !== this.list) this.deletePod(placeOf(key));
      if (slice.spend()) yield;
    }
    for (const [key, overlay] of this.overlays) {
      if (overlay.described !== undefined && overlay.list !== this.list)
        this.describe(placeOf(key), undefined);
      if (slice.spend()) yield;
    }
  }

  private putPod(pod: Pod): void {
    const key = placeKey(pod);
    const before = this.pods.get(key);
    const digest = hash('sha256', JSON.stringify(pod), 'base64').slice(0, 12);
    if (before !== undefined) before.list = this.list;
    if (before?.digest === digest) return;
    if (before !== undefined && before.aid !== pod.aid) {
      this.deletePod(pod);
      this.putPod(pod);
      return;
    }
    const { aid, ready } = pod;
    const places = pod.overlays.map(({ overlay, ip4 = '', ip6 = '' }) => `${overlay} ${ip4},${ip6}`);
    this.pods.set(key, { aid, ready, places, digest, list: this.list });
    const say = (action: string): void => this.tell(containerEvent(pod, aid, action));
    if (before === undefined) say('create');
    const left = (before?.places ?? []).filter((each) => !places.includes(each));
    const joined = places.filter((each) => before === undefined || !before.places.includes(each));
    for (const each of left) this.leave(pod, aid, overlayIn(each));
    for (const each of joined) this.join(pod, aid, overlayIn(each));
    if (before === undefined) say('start');
    else if (before.ready !== pod.ready) say(`health_status: ${pod.ready ? 'healthy' : 'unhealthy'}`);
    else if (left.length + joined.length === 0) say('update');
  }

  private deletePod(place: Place): void {
    const key = placeKey(place);
    const pod = this.pods.get(key);
    if (pod === undefined) return;
    this.pods.delete(key);
    this.tell(containerEvent(place, pod.aid, 'die'));
    for (const each of pod.places) this.leave(place, pod.aid, overlayIn(each));
    this.tell(containerEvent(place, pod.aid, 'destroy'));
  }

  private join({ vpc, namespace, name }: Place, aid: string, overlay: string): void {
    const place = { vpc, ...overlayPlace(overlay, namespace) };
    const known = this.overlays.get(placeKey(place)) ?? { described: undefined, pods: 0, list: this.list };
    if (known.pods++ === 0) this.overlays.set(placeKey(place), known);
    const now = existing(place, known)!;
    // Nobody describes it, and this is the first pod that names it.
    if (known.described === undefined && known.pods === 1) this.tell(networkEvent(now, 'create'));
    this.tell(networkEvent(now, 'connect', { vpc, namespace, name, aid }));
  }

  private leave({ vpc, namespace, name }: Place, aid: string, overlay: string): void {
    const place = { vpc, ...overlayPlace(overlay, namespace) };
    const known = this.overlays.get(placeKey(place))!;
    const before = existing(place, known)!;
    known.pods--;
    this.tell(networkEvent(before, 'disconnect', { vpc, namespace, name, aid }));
    if (existing(place, known) !== undefined) return;
    this.overlays.delete(placeKey(place));
    this.tell(networkEvent(before, 'destroy'));
  }

  private describe(place: Place, described: Overlay | undefined): void {
    const key = placeKey(place);
    const known = this.overlays.get(key) ?? { described: undefined, pods: 0, list: this.list };
    known.list = this.list;
    const before = existing(place, known);
    const same = JSON.stringify(known.described) === JSON.stringify(described);
    known.described = described;
    const now = existing(place, known);
    if (now === undefined) this.overlays.delete(key);
    else this.overlays.set(key, known);
    // Pods on a network that gets another id are not told one by one: there may be very many.
    if (before !== undefined && before.aid !== now?.aid) this.tell(networkEvent(before, 'destroy'));
    if (now !== undefined && before?.aid !== now.aid) this.tell(networkEvent(now, 'create'));
    else if (now !== undefined && !same) this.tell(networkEvent(now, 'update'));
  }
}

/** The overlay that there is: described, or named by a pod. */
function existing({ vpc, namespace, name }: Place, known: KnownOverlay): Overlay | undefined {
  if (known.described !== undefined || known.pods === 0) return known.described;
  return impliedOverlay(vpc, namespace, name);
}

function containerEvent(place: Place, aid: string, action: string): Happening {
  const id = containerId({ ...place, aid });
  const attributes = { image: '', name: nameOf(place), ...scopeLabels(place.vpc, place.namespace) };
  return { vpc: place.vpc, type: 'container', action, id, attributes };
}

function networkEvent(overlay: Overlay, action: string, pod?: Place & { aid: string }): Happening {
  const { vpc, namespace, driver, aid } = overlay;
  const attributes: Record<string, string> = {};
  if (pod !== undefined) {
    attributes['container'] = containerId(pod);
    attributes['podns.pod'] = nameOf(pod);
  }
  Object.assign(attributes, { name: nameOf(overlay), type: driver }, scopeLabels(vpc, namespace));
  return { vpc, type: 'network', action, id: aid, attributes };
}

function overlayIn(place: string): string {
  return place.slice(0, place.indexOf(' '));
}

/** No name has a slash in it. */
function placeKey({ vpc, namespace, name }: Place): string {
  return `${vpc}/${namespace}/${name}`;
}

function placeOf(key: string): Place {
  const [vpc, namespace, name] = key.split('/') as [string, string, string];
  return { vpc, namespace, name };
}
