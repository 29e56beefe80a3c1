/** The settings that shape answers, in the form that transports and workers use. */
import { randomBytes } from 'node:crypto';
import type { Engines } from '../answer/engine-hosts.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import type { Config } from '../config/table.ts';

export function answerSettings(
  config: Config,
  version: string,
  cookieSecret?: Uint8Array,
  engines?: Engines,
): AnswerSettings {
  return {
    ttl: config.ttl,
    negativeTtl: config.negativeTtl,
    zone: config.zone,
    suffixes: config.suffixes,
    aRecords: config.aRecords,
    nodeName: config.nodeName,
    version: `podns ${version}`.trim(),
    chaos: config.chaos,
    cookieSecret: cookieSecret ?? randomBytes(16),
    tcpIdle: config.tcpIdle / 1000,
    forward: config.forward,
    outside: { routes: config.routes, hosts: config.hosts },
    clients: config.clients,
    ...(engines === undefined ? {} : { engines }),
  };
}
