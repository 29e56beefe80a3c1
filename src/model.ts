/**
 * The model: resources, their keys, changes, problems, and the contract between a source of records and its
 * receiver. Only types, and a few functions that every room needs.
 */

/** `vpc` holds `namespace`s; a namespace holds `overlay`s, `pod`s and `service`s. */
export type Kind = 'vpc' | 'namespace' | 'overlay' | 'pod' | 'service';

export const KINDS: readonly Kind[] = ['vpc', 'namespace', 'overlay', 'pod', 'service'];

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** What happens to outside names of a VPC; with a list, podns forwards only names at and below these suffixes. */
export type ForwardPolicy = 'on' | 'off' | 'refuse' | string[];

/** Which overlay addresses are given as A records: the pinned ones and those of pods without IPv6, all, or none. */
export type ARecords = 'pinned' | 'all' | 'none';

/** A named port; `name` is lower-case without the leading underscore. */
export interface Port {
  name: string;
  protocol: Protocol;
  port: number;
}

/** Prefixes are canonical text, `fdfd:1a8::/48`: host bits cleared, lower-case, RFC 5952. */
export interface Vpc {
  kind: 'vpc';
  name: string;
  id?: string;
  /** RFC 3339. */
  created?: string;
  net6: string[];
  services6: string[];
  /** Overrides the configured setting for this VPC. */
  a_records?: ARecords;
  forward?: ForwardPolicy;
  /** `ADDR:PORT`, each; tried in order. */
  upstreams?: string[];
  /** Upstreams of the names at and below a suffix; with an empty list these names do not exist. */
  routes?: NameLists;
  /** Addresses of names that no pod and no service has. */
  hosts?: NameLists;
}

/** Lists by name: names are folded, sorted and unique, so that equal content is equal text. */
export type NameLists = Record<string, string[]>;

export interface Namespace {
  kind: 'namespace';
  vpc: string;
  name: string;
  /** RFC 3339. */
  created?: string;
  /** `forward`: names below this namespace that it does not have are outside names. */
  shadow?: 'forward';
}

export interface Overlay {
  kind: 'overlay';
  vpc: string;
  namespace: string;
  name: string;
  aid: string;
  driver: string;
  net4?: string;
  net6?: string;
  /** A pod all of whose overlays are internal gets no outside names. */
  internal?: boolean;
}

/** The attachment of a pod to an overlay of its VPC. */
export interface Attachment {
  /** The name of an overlay of the pod's own namespace, or `namespace/name` of another namespace; `overlayPlace`. */
  overlay: string;
  /** Dotted quad. */
  ip4?: string;
  /** RFC 5952 text. */
  ip6?: string;
  pinned: boolean;
}

export interface Pod {
  kind: 'pod';
  vpc: string;
  namespace: string;
  /** Unique in the namespace; may contain dots. */
  name: string;
  aid: string;
  /** Further names; other pods may have them too. */
  names: string[];
  /** The address in the VPC, RFC 5952 text. */
  ip6?: string;
  overlays: Attachment[];
  ports: Port[];
  ready: boolean;
}

export interface Service {
  kind: 'service';
  vpc: string;
  namespace: string;
  name: string;
  aid: string;
  names: string[];
  /** The virtual IP, RFC 5952 text. */
  ip6?: string;
  ports: Port[];
}

/** A resource after validation, which folds names, fills in defaults, and makes addresses canonical. */
export type Resource = Vpc | Namespace | Overlay | Pod | Service;

/** The key of a resource. A VPC has only `vpc` (its own name; `name` is empty); a namespace `vpc` and `namespace`. */
export interface ResourceKey {
  kind: Kind;
  vpc: string;
  namespace: string;
  name: string;
}

export function keyOf(resource: Resource): ResourceKey {
  switch (resource.kind) {
    case 'vpc':
      return { kind: 'vpc', vpc: resource.name, namespace: '', name: '' };
    case 'namespace':
      return { kind: 'namespace', vpc: resource.vpc, namespace: resource.name, name: '' };
    default:
      return { kind: resource.kind, vpc: resource.vpc, namespace: resource.namespace, name: resource.name };
  }
}

/** The namespace and the name of the overlay that an attachment of a pod in `namespace` names. */
export function overlayPlace(overlay: string, namespace: string): { namespace: string; name: string } {
  const slash = overlay.indexOf('/');
  if (slash < 0) return { namespace, name: overlay };
  return { namespace: overlay.slice(0, slash), name: overlay.slice(slash + 1) };
}

/** `namespace/name` of the overlay that an attachment of a pod in `namespace` names: one text for one overlay of a VPC. */
export function overlayPath(overlay: string, namespace: string): string {
  return overlay.includes('/') ? overlay : `${namespace}/${overlay}`;
}

/** `pod aep/nextcloud/db`: how messages and logs name a resource. */
export function keyText(key: ResourceKey): string {
  let path = key.vpc;
  if (key.namespace !== '') path += '/' + key.namespace;
  if (key.name !== '') path += '/' + key.name;
  return `${key.kind} ${path}`;
}

/** The place of a resource: a file with line and column (from 1), or a stream and its line or key. */
export interface Place {
  file?: string;
  line?: number;
  column?: number;
  /** For streams: `etcd /podns/aep/pod/shop/app`, `line 12`. */
  text?: string;
}

/** `zones/aep.yaml:7:12`, or the text of a stream's place. */
export function placeText(place: Place | undefined): string {
  if (place === undefined) return '';
  if (place.file === undefined) return place.text ?? '';
  if (place.line === undefined) return place.file;
  return `${place.file}:${place.line}:${place.column ?? 1}`;
}

/**
 * What stands wrong. `record`: one resource was refused. `file`: a zone file is not taken up. `conflict`: two sources
 * give one key. `net6`, `address`: two VPCs or two pods claim the same. `listener`, `client_rule`, `resolv_conf`: a
 * part of the configuration matches nothing. `gateway`: podns cannot listen on the gateway of a network. `shrink`: a whole
 * list takes away too much at once. `limit`: something was turned away because too much came.
 */
export type ProblemKind =
  | 'record'
  | 'file'
  | 'source'
  | 'conflict'
  | 'net6'
  | 'address'
  | 'memory'
  | 'saved_view'
  | 'shrink'
  | 'upstream'
  | 'listener'
  | 'client_rule'
  | 'gateway'
  | 'resolv_conf'
  | 'limit';

/** A problem of the input. `error`: podns has refused it. `warning`: podns serves it, but it may be a mistake. */
export interface Problem {
  severity: 'error' | 'warning';
  place?: Place;
  reason: string;
  /** The resource concerned, if there is one. */
  key?: ResourceKey;
  /** `record` unless it is said. */
  kind?: ProblemKind;
  /** Nothing is served in its place: there is no last good state. */
  unserved?: boolean;
}

/** `zones/aep.yaml:7:12: reason`. */
export function problemText(problem: Problem): string {
  const place = placeText(problem.place);
  return place === '' ? problem.reason : `${place}: ${problem.reason}`;
}

/**
 * The state of one source, as `status` and `/readyz` show it.
 * `starting`: has delivered nothing yet. `live`: synced and connected. `lost`: has synced, but is not connected now;
 * podns serves its last view. `failed`: cannot work until a person changes something.
 */
export type SourceState = 'starting' | 'live' | 'lost' | 'failed';

/**
 * Where a source delivers; each source has one sink. Calls are synchronous and in order, and never throw for bad
 * records.
 *
 * `begin` opens a transaction; with `full` it deletes everything that it does not put: if that is too much of a VPC, the
 * shrink guard holds it, but never what the transaction deletes by name. Queries see nothing of an open
 * transaction; `commit` makes all of it visible at once, at the next flip of the trie (a large one may take several
 * passes of the event loop; the returned promise resolves when it is answerable). `rollback` discards the transaction.
 * A source has at most one open transaction.
 */
export interface Sink {
  /** `received`: the arrival of its octets, by `performance.now()`; only statistics use it. */
  begin(full: boolean, revision: string, at?: number, received?: number): void;
  /**
   * `revision`: that of this object, if the source knows it (etcd's mod revision); else that of the transaction.
   * `stamp`: a whole number below 2^64, in decimal, that orders the claims of this object.
   *
   * Claims of pods and services to one address: the highest stamp owns it, and another put of an object renews its
   * claims. Without a stamp the revision counts, as a number; a source without revisions gives the same stamp to all
   * objects. Claims of VPCs to `net6`: the lowest stamp is the oldest and wins, and an edit must not change it. Without
   * stamps a VPC of a full transaction is younger than those put before it; a VPC that is put later is younger than
   * the whole transaction, and another put of a VPC does not change its age.
   */
  put(resource: Resource, place?: Place, revision?: string, stamp?: string): void;
  delete(key: ResourceKey): void;
  /**
   * The source still has this key, but with an invalid version: the last good version from this source stays, if there
   * is one, whether it is effective or not. `stamp` is that of a VPC, as for `put`. True if there is such a version.
   */
  keep(key: ResourceKey, stamp?: string): boolean;
  /**
   * Outside of a transaction: the keys that an earlier run has saved of this source for that file, and those that it has
   * saved without a place. For a file that cannot be read now.
   */
  savedIn(file: string): Promise<ResourceKey[]>;
  /** Undefined if the transaction is already answerable. */
  commit(): Promise<void> | undefined;
  /**
   * `true` announces several transactions in quick succession, of which a few may become visible together: whole ones,
   * in order. Until `false` ends this, `commit` may resolve before its transaction is visible. May be ignored.
   */
  gather(several: boolean): void;
  rollback(): void;
  /** The source is alive and has nothing new up to this revision. */
  bookmark(revision: string): void;
  /** `since`: the start of a loss that was reported late; milliseconds since 1970. */
  state(state: SourceState, reason?: string, since?: number): void;
  /** The source continues right after the saved revision that it was started with, so its saved records are complete. */
  resumed(): void;
  /** Replaces the current problems of a scope (the path of a file, the key of a stream); an empty list clears them. */
  problems(scope: string, problems: Problem[]): void;
}

/** The point from which a source may continue after a restart of podns. */
export interface ResumePoint {
  /** The last revision that the receiver has applied and saved. */
  revision: string;
  /** The result of `proof` for that revision. */
  proof: string;
}

/**
 * A source of records: zones directory, watch stream, etcd, a container engine, kraud. It knows only the model. `start` returns at once
 * and delivers into the sink; it reports failures by `sink.state` and never throws them. `close` ends all I/O; after
 * it resolves, the source does not call the sink again.
 */
export interface Source {
  /** Unique among the sources of a server: `zones:DIR`, `watch:URL`, `etcd:URL`, `docker:unix:PATH`, `kraud:URL`. */
  readonly name: string;
  /** Equal for sources that read parts of one database, so that their VPCs' stamps compare. Default: the name. */
  readonly family?: string;
  /** The VPCs that it can describe. Default: any. */
  readonly vpcs?: readonly string[];
  /**
   * `resume`: the sink already has the saved records of this source. If the source can prove that it has missed
   * nothing since, it calls `sink.resumed` and continues from there; otherwise it delivers a full state.
   */
  start(sink: Sink, resume?: ResumePoint): void;
  close(): Promise<void>;
  /** What a later start needs besides this revision to continue after it; undefined if it could not continue. */
  proof?(revision: string): string | undefined;
  /**
   * Of a source that reads files: which they are, and how each was when it last read it, as text; undefined while it may not
   * know of an edit. Optional.
   */
  seen?(): string | undefined;
  /** What `seen` would be if it read the files now, also before `start`. Rejects where they cannot be looked at. */
  look?(): Promise<string>;
  /** SIGHUP: reads everything again that does not announce its changes. Resolves when that is delivered. Optional. */
  reload?(): Promise<void> | void;
}

/**
 * The receiver of effective changes: the trie. The catalog has already settled precedence between sources; the
 * projection only makes the result answerable. `begin` … `commit` is one atomic change: queries see all of it or
 * none. Between the two the event loop may run.
 */
export interface Projection {
  /** False while readers would hold up `begin`: the event loop is to run meanwhile. Waits a moment by itself. Optional. */
  ready?(): boolean;
  begin(): void;
  /**
   * Adds or replaces. `stamp` orders claims to one address inside a VPC: the higher stamp owns it; of equal stamps the
   * smaller `namespace/name` owns it.
   */
  put(resource: Resource, stamp: bigint): void;
  /** A known pod or service with a new stamp, which renews its claims to its addresses. Like `put`, but faster. */
  renew?(resource: Resource, stamp: bigint): void;
  /** Removes; unknown keys are ignored. */
  remove(key: ResourceKey): void;
  /**
   * VPCs of which all pods must be put once more, unchanged, before the next `commit`: a change of the VPC has changed
   * what they answer. Each call empties the list. Optional.
   */
  outdated?(): readonly string[];
  commit(): void;
}
