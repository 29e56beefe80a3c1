/** podns as a library: a DNS server for pods that can also answer without a socket. */
export { createServer } from './server/podns-server.ts';
export type { BoundListener, PodnsServer, ServerStatus } from './server/podns-server.ts';
export type { ServerOptions } from './server/options.ts';
export { ExplainError } from './explain/facts.ts';
export type { ExplainAsk } from './explain/facts.ts';
export type {
  Explanation,
  QuestionExplained,
  ClientStatus,
  ClientExplained,
  RuleExplained,
  ReasonExplained,
  Candidate,
  CandidateAddress,
  ProvenanceExplained,
  Age,
  OutsideExplained,
  CacheExplained,
  AnswerExplained,
  ResolverExplained,
  ResolverQuery,
  NearMiss,
} from './explain/explanation.ts';
export type { ServerEvents } from './server/announcer.ts';
export type { Logger } from './server/logger.ts';
export type { Changes } from './server/changes.ts';
export type { AnswerClient, QueryResult } from './server/direct-client.ts';
export type { SourceStatus } from './server/source-status.ts';
export type { Change } from './catalog/change.ts';
export type { Reserve } from './trie/memory.ts';

export { ConfigError } from './config.ts';
export { StateFolderError } from './server/state-folder.ts';
export { BindError } from './server/transports.ts';
export { ListenError } from './transport/listen.ts';
export { MemoryFullError } from './trie/memory.ts';

export type { Config } from './config/table.ts';
export type { Listen } from './transport/listen.ts';

export { zones } from './source/zones/zones.ts';
export type { ZonesOptions } from './source/zones/zones.ts';
export type { ZoneOptions } from './source/zones/zone-file.ts';
export { watchSource } from './source/watch/watch.ts';
export type { WatchOptions } from './source/watch/watch.ts';
export type { HttpOptions } from './source/watch/http.ts';
export { etcdSources } from './source/etcd/etcd.ts';
export type { EtcdOptions } from './source/etcd/etcd.ts';
export type { EtcdClientOptions } from './source/etcd/client.ts';
export { dockerSource } from './source/docker/docker.ts';
export type { DockerOptions } from './source/docker/docker.ts';
export { kraudSource } from './source/watch/kraud.ts';
export type { KraudOptions } from './source/watch/kraud.ts';
export { issueText } from './source/validate/by-schema.ts';
export { validateResource } from './source/validate/validate.ts';
export type { Issue, Validated } from './source/validate/by-schema.ts';
export type { ValidateOptions } from './source/validate/validate.ts';

export { KINDS, keyOf, keyText, placeText, problemText } from './model.ts';
export type {
  Attachment,
  ARecords,
  ForwardPolicy,
  Kind,
  NameLists,
  Namespace,
  Overlay,
  Place,
  Pod,
  Port,
  Problem,
  ProblemKind,
  Protocol,
  Resource,
  ResourceKey,
  ResumePoint,
  Service,
  Sink,
  Source,
  SourceState,
  Vpc,
} from './model.ts';
