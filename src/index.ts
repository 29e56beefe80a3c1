/** podns as a library: a DNS server for pods that can also answer without a socket. */
export { createServer, PodnsServer } from './server.ts';
export type { QueryResult, ServerOptions } from './server.ts';
export { ExplainError } from './explain/facts.ts';
export type { ExplainAsk } from './explain/facts.ts';
export type * from './explain/explanation.ts';
export { StateFolderError } from './server/state-folder.ts';
export type { Logger } from './server/logger.ts';
export type { Changes } from './server/changes.ts';
export type { AnswerClient } from './server/direct-client.ts';
export { validateResource } from './source/validate/validate.ts';
export { watchSource } from './source/watch/watch.ts';
export { etcdSources } from './source/etcd/etcd.ts';
export { kraudSource } from './source/watch/kraud.ts';
export { zones } from './source/zones/zones.ts';
export type * from './model.ts';
