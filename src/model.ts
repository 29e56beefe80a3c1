/**
 * The words of podns: resources, their keys, change sets, problems, and the contract between a source of
 * records and the one who receives them. Types only, and the few functions that every room needs of them.
 */

/** `vpc` holds `namespace`s; a namespace holds `overlay`s, `pod`s and `service`s. */
export type Kind = 'vpc' | 'namespace' | 'overlay' | 'pod' | 'service';

export const KINDS: readonly Kind[] = ['vpc', 'namespace', 'overlay', 'pod', 'service'];

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** What happens to outside names of a VPC: a list names the only suffixes that leave. */
export type ForwardPolicy = 'on' | 'off' | 'refuse' | string[];

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
  net6: string[];
  services6: string[];
  forward?: ForwardPolicy;
  /** `ADDR:PORT`, each; tried in order. */
  upstreams?: string[];
  /** Upstreams of the names at and below a suffix; none: there are no such names. */
  routes?: NameLists;
  /** Addresses of names that are no pod's and no service's. */
  hosts?: NameLists;
}

/** Lists by name: names folded and in order, no list twice, so that equal content is equal text. */
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

/** A pod's place on an overlay. The overlay is named; it lives in the pod's own namespace. */
export interface Attachment {
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
  /** Unique in the namespace; may hold dots. */
  name: string;
  aid: string;
  /** Further names; other pods may bear them too. */
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

/** A resource after validation: names folded, defaults filled in, addresses canonical. */
export type Resource = Vpc | Namespace | Overlay | Pod | Service;

/** What names a resource. A VPC has only `vpc` (its own name, `name` empty); a namespace `vpc` and `namespace`. */
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

/** `pod aep/nextcloud/db`: how messages and logs name a resource. */
export function keyText(key: ResourceKey): string {
  let path = key.vpc;
  if (key.namespace !== '') path += '/' + key.namespace;
  if (key.name !== '') path += '/' + key.name;
  return `${key.kind} ${path}`;
}

/** Where a resource was said: a file with line and column (from 1), or a stream and its line or key. */
export interface Place {
  file?: string;
  line?: number;
  column?: number;
  /** For streams: `etcd /podns/aep/pod/shop/app`, `line 12`. */
  text?: string;
}

/** `zones/aep.yaml:7:12` or the stream's own words. */
export function placeText(place: Place | undefined): string {
  if (place === undefined) return '';
  if (place.file === undefined) return place.text ?? '';
  if (place.line === undefined) return place.file;
  return `${place.file}:${place.line}:${place.column ?? 1}`;
}

/**
 * What stands wrong. `record`: one resource was refused. `file`: a zone file is not taken up. `conflict`: two sources
 * give one key. `net6`, `address`: two VPCs or two pods claim the same. `listener`, `client_rule`, `resolv_conf`: a
 * part of the configuration matches nothing. `limit`: something was turned away because too much came.
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
  | 'upstream'
  | 'listener'
  | 'client_rule'
  | 'resolv_conf'
  | 'limit';

/** Something wrong with input. `error`: that thing was refused. `warning`: it is served, but look at it. */
export interface Problem {
  severity: 'error' | 'warning';
  place?: Place;
  reason: string;
  /** The resource it concerns, where there is one. */
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
 * `starting`: nothing heard yet. `live`: synced and connected. `lost`: synced once, not connected now; its last
 * view is served. `failed`: cannot work until a person changes something.
 */
export type SourceState = 'starting' | 'live' | 'lost' | 'failed';

/**
 * Where a source delivers. One sink a source; calls are synchronous and in order, and never throw on bad records.
 *
 * `begin` opens a transaction: `full` means that what is not put before `commit` is gone. Between `begin` and
 * `commit` nothing is visible to queries; `commit` makes all of it visible at once, at the next flip of the
 * trie (a large one may take several turns of the event loop; the returned promise resolves when it is
 * answerable). `rollback` forgets the transaction. Only one transaction of a source is open at a time.
 */
export interface Sink {
  /** `received`: when the octets of it came, by `performance.now()`; only statistics need it. */
  begin(full: boolean, revision: string, at?: number, received?: number): void;
  /**
   * `revision`: of this object alone, where the source knows it (etcd's mod revision); else the transaction's.
   * `stamp`: a whole number below 2^64, in decimal, that the state gives for the claims of this object.
   *
   * Claims to one address, of pods and services: the highest stamp owns it, and putting an object again renews its
   * claims. Without a stamp the revision counts, as a number; a source whose state has no revisions gives all the
   * same stamp. Claims to `net6`, of VPCs: the lowest stamp is the oldest and stands, and an edit must not change
   * it. Without a stamp a VPC of a full transaction is younger than those put before it; a later one is younger
   * than all of it, and one that is put again stays as old as it is.
   */
  put(resource: Resource, place?: Place, revision?: string, stamp?: string): void;
  delete(key: ResourceKey): void;
  /**
   * The source still names this key, but with a version that is not valid: the last good version that this source
   * put, if there is one, stays, whether it is heard or not. `stamp`: of a VPC, as for `put`. True when there is one.
   */
  keep?(key: ResourceKey, stamp?: string): boolean;
  /**
   * Outside of a transaction: what an earlier run has saved of this source as said in that file, and what it has
   * saved without a place. For a file that cannot be read now.
   */
  savedIn?(file: string): Promise<ResourceKey[]>;
  /** Undefined when there is nothing to wait for: it is answerable already. */
  commit(): Promise<void> | undefined;
  /**
   * With `true`: several transactions follow each other at once, and may become visible a few at a time; whole
   * ones, in order. `commit` may resolve before that, until `false` has been said. May be ignored.
   */
  gather?(several: boolean): void;
  rollback(): void;
  /** Nothing new, still alive, at this revision. */
  bookmark(revision: string): void;
  /** `since`: a loss began earlier than it was heard of here; milliseconds since 1970. */
  state(state: SourceState, reason?: string, since?: number): void;
  /** The source goes on right after the saved revision that it was started with: what was saved of it is whole. */
  resumed?(): void;
  /** Replaces all standing problems of the given scope (a file's path, a stream's key), or clears it when empty. */
  problems(scope: string, problems: Problem[]): void;
}

/** From where a source may go on after a restart of this process. */
export interface ResumePoint {
  /** The last one that the receiver has applied and saved. */
  revision: string;
  /** What the source gave by `proof` for that revision. */
  proof: string;
}

/**
 * A source of records: zones directory, watch stream, etcd, Docker, kraud. Knows the model and nothing else.
 * `start` begins to deliver into the sink and returns at once; failures are reported by `sink.state`, never
 * thrown. `close` ends all I/O; after it resolves the sink is not called again.
 */
export interface Source {
  /** Unique among the sources of a server: `zones:DIR`, `watch:URL`, `etcd:URL`, `docker:SOCKET`. */
  readonly name: string;
  /** Equal for sources whose stamps of VPCs compare: those that read one database in parts. Its name, unless said. */
  readonly family?: string;
  /**
   * `resume`: what was saved of it is in the sink already. A source that can prove to have missed nothing since
   * calls `sink.resumed` and goes on from there; any other ignores it and delivers a full state.
   */
  start(sink: Sink, resume?: ResumePoint): void;
  close(): Promise<void>;
  /** What a later start needs beside this revision of ours to go on after it; undefined where it could not. */
  proof?(revision: string): string | undefined;
  /** SIGHUP: read again what does not announce its changes. Resolves when that is delivered. Optional. */
  reload?(): Promise<void> | void;
}

/**
 * The receiver of effective changes: the trie. The catalog has settled who says what; the projection only
 * has to make it answerable. `begin` … `commit` is one atomic change: queries see all of it or none.
 * Between the two the event loop may turn; nothing of an open transaction is visible.
 */
export interface Projection {
  begin(): void;
  /**
   * Adds or replaces. `stamp` orders claims to one address inside a VPC: the higher stamp owns it, a tie goes
   * to the smaller `namespace/name`.
   */
  put(resource: Resource, stamp: bigint): void;
  /** The pod or service that it has, under another stamp: it has claimed its addresses again. As `put`, but cheaper. */
  renew?(resource: Resource, stamp: bigint): void;
  /** Removes; unknown keys are ignored. */
  remove(key: ResourceKey): void;
  commit(): void;
}
