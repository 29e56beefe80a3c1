/** podns as a library: a DNS server for pods that can also answer without a socket. */
export { createServer, PodnsServer } from './server.ts';
export type { ServerOptions } from './server.ts';
export { StateFolderError } from './server/state-folder.ts';
export type { Logger } from './server/logger.ts';
export type { Changes } from './server/changes.ts';
export type { AnswerClient } from './server/peers.ts';
export { validateResource } from './source/validate.ts';
export { watchSource } from './source/watch.ts';
export { etcdSources } from './source/etcd.ts';
export { kraudSource } from './source/kraud.ts';
export { zones } from './source/zones.ts';
export type * from './model.ts';
