/** What was turned away because too much came, by the limit that did it. */
import type { Deferred } from '../answer/defer/deferred.ts';
import type { ForwardCounters } from '../forward/counters.ts';
import type { OpenListener } from './transports.ts';

/** Texts for people, with what was counted so far. */
export function* turnedAway(
  listeners: readonly OpenListener[],
  deferred: Pick<Deferred, 'counters'>,
  outside: Pick<ForwardCounters, 'overflows' | 'unsent'>,
): Generator<[string, number]> {
  yield [
    'queries that should wait are answered with SERVFAIL: holds, vpc_holds or client_holds is reached',
    deferred.counters.overflows,
  ];
  yield [
    'outside queries are answered with SERVFAIL: forward_queries or forward_client is reached',
    outside.overflows,
  ];
  yield ['outside queries are not sent in time: upstream_rate is reached', outside.unsent];
  let refused = 0;
  let overflows = 0;
  let shed = 0;
  for (const { tcp, udp } of listeners) {
    refused += tcp.counters.refused ?? 0;
    for (const worker of udp.workers ?? []) {
      overflows += worker.overflows;
      shed += worker.shed;
    }
  }
  yield ['TCP connections are refused: tcp_connections or tcp_client is reached', refused];
  yield [
    'queries are answered with SERVFAIL because the main thread does not keep up with what workers hand over',
    overflows,
  ];
  yield [
    'queries of clients that ask far more than others get no answer, so that others get theirs; podns top shows who asks',
    shed,
  ];
}
