/** What shapes answers in tests that make a responder by hand. */
import type { AnswerSettings } from '../../src/answer/settings.ts';

export const ANSWER_SETTINGS: AnswerSettings = {
  ttl: 1,
  negativeTtl: 1,
  zone: 'vpc.internal',
  suffixes: [],
  aRecords: 'pinned',
  nodeName: 'test',
  version: 'test',
  chaos: true,
  cookieSecret: new Uint8Array(16),
  tcpIdle: 10,
  forward: 'off',
  clients: [],
};
