/** Every query and every answer, of workers and of the main thread, under CoreDNS's names and under our own. */
import * as counts from '../answer/counts.ts';
import type { ServerCore } from '../server.ts';
import type { OpenListener } from '../server/transports.ts';
import { rcodeName, type Metrics, type Observed } from './metric-kinds.ts';

type Labels = Record<string, string>;

/** Counts of one origin. */
interface Block {
  counts: Float64Array;
  /** `batch`, `dgram` or `tcp`. */
  transport: string;
  proto: 'udp' | 'tcp';
  /** What had to wait: `deferred`, `forwarded`; '' for what was answered at once. */
  waited: '' | 'deferred' | 'forwarded';
}

/** What CoreDNS calls a server block's zone: podns answers for all names. */
const ZONE = '.';
const RCODE_PLACES = 32;

export function answerMetrics(server: ServerCore, metrics: Metrics): void {
  requests(server, metrics);
  responses(server, metrics);
  metrics.histogram(
    'coredns_dns_request_duration_seconds',
    'Time from a query until its answer has left. Answers of a worker count with the time of their whole batch, ' +
      'which none of them exceeds; what waits counts from when the main thread took it up.',
    (put) => {
      for (const open of server.listeners) put(serverLabels(open), durations(blocksOf(server, open)));
    },
  );
  metrics.histogram(
    'podns_deferred_duration_seconds',
    'Time that answers took that could not be given at once: class deferred for those held for the first view or for ' +
      'their pod and for inventories, class forwarded for those that upstreams were asked for.',
    (put) => {
      for (const waited of ['deferred', 'forwarded'] as const) {
        const all = server.listeners.flatMap((open) => blocksOf(server, open));
        put({ class: waited }, durations(all.filter((block) => block.waited === waited)));
      }
    },
  );
}

function requests(server: ServerCore, metrics: Metrics): void {
  metrics.counter(
    'coredns_dns_requests_total',
    'Queries by listener, protocol, address family (1: IPv4, 2: IPv6) and type. The traffic that pods cause.',
    ['server', 'zone', 'view', 'proto', 'family', 'type'],
    (put) => {
      for (const open of server.listeners) {
        const family = open.listener.address.includes(':') ? '2' : '1';
        for (const { counts: block, proto, waited } of blocksOf(server, open)) {
          if (waited !== '') continue;
          counts.TYPE_NAMES.forEach((type, i) => {
            const count = block[counts.TYPES + i]!;
            if (count > 0) put({ ...serverLabels(open), proto, family, type }, count);
          });
        }
      }
    },
  );
  sizes(server, metrics, 'coredns_dns_request_size_bytes', 'Octets of queries.', counts.QUERY_OCTETS);
  sizes(server, metrics, 'coredns_dns_response_size_bytes', 'Octets of answers.', counts.ANSWER_OCTETS);
}

function responses(server: ServerCore, metrics: Metrics): void {
  metrics.counter(
    'coredns_dns_responses_total',
    'Answers by listener and rcode. plugin: podns for its own, forward for those of upstreams and of their cache. ' +
      'Alert on the share of SERVFAIL.',
    ['server', 'zone', 'view', 'rcode', 'plugin'],
    (put) => {
      for (const open of server.listeners) {
        eachAnswer(blocksOf(server, open), (_, rcode, isForwarded, count) =>
          put({ ...serverLabels(open), rcode, plugin: isForwarded ? 'forward' : 'podns' }, count),
        );
      }
    },
  );
  metrics.counter(
    'podns_answers_total',
    'Every answer, by transport (batch and dgram: UDP by worker threads or by the main thread), protocol and rcode. ' +
      'class: local for those given at once, deferred for those that waited here, forwarded for those of upstreams ' +
      'and of their cache.',
    ['transport', 'proto', 'class', 'rcode'],
    (put) => {
      for (const open of server.listeners) {
        eachAnswer(blocksOf(server, open), ({ transport, proto, waited }, rcode, isForwarded, count) =>
          put({ transport, proto, class: isForwarded ? 'forwarded' : waited || 'local', rcode }, count),
        );
      }
    },
  );
}

function eachAnswer(
  blocks: readonly Block[],
  take: (block: Block, rcode: string, isForwarded: boolean, count: number) => void,
): void {
  for (const block of blocks) {
    for (let place = 0; place < RCODE_PLACES; place++) {
      const count = block.counts[counts.RCODES + place]!;
      if (count === 0) continue;
      const rcode = rcodeName(place & 15);
      // What is not authoritative and no failure comes from an upstream, or from the cache of those.
      const isRelayed = place < 16 && (rcode === 'NOERROR' || rcode === 'NXDOMAIN');
      take(block, rcode, block.waited === 'forwarded' || isRelayed, count);
    }
  }
}

function sizes(server: ServerCore, metrics: Metrics, name: string, help: string, place: number): void {
  metrics.histogram(name, `${help} Large ones are what UDP truncates.`, (put) => {
    for (const open of server.listeners) {
      for (const proto of ['udp', 'tcp'] as const) {
        const blocks = blocksOf(server, open).filter((block) => block.proto === proto);
        put({ ...serverLabels(open), proto }, observed(blocks, place, place + 1, counts.SIZE_BOUNDS));
      }
    }
  });
}

function durations(blocks: readonly Block[]): Observed {
  return observed(blocks, counts.DURATION_SUM, counts.DURATIONS, counts.DURATION_BOUNDS);
}

/** One place beyond the bounds holds what is above them. */
function observed(blocks: readonly Block[], sumAt: number, at: number, bounds: readonly number[]): Observed {
  const buckets = new Float64Array(bounds.length + 1);
  let sum = 0;
  for (const { counts: block } of blocks) {
    sum += block[sumAt]!;
    for (let i = 0; i < buckets.length; i++) buckets[i]! += block[at + i]!;
  }
  return { bounds, counts: buckets, count: buckets.reduce((all, one) => all + one, 0), sum };
}

function serverLabels({ listener, port }: OpenListener): Labels {
  const host = listener.address.includes(':') ? `[${listener.address}]` : listener.address;
  const scope = listener.vpc === '' ? '' : `${listener.vpc}${listener.namespace && '/'}${listener.namespace}`;
  return { server: `dns://${host}:${port}`, zone: ZONE, view: scope };
}

function blocksOf(server: ServerCore, { listener, udp, udpKind }: OpenListener): Block[] {
  const main = server.answers.of(listener);
  const own = (block: Float64Array, proto: 'udp' | 'tcp', waited: Block['waited'] = ''): Block => ({
    counts: block,
    transport: proto === 'tcp' ? 'tcp' : udpKind,
    proto,
    waited,
  });
  return [
    ...(udp.workers ?? []).map(({ answers }) => own(answers, 'udp')),
    own(main.udp, 'udp'),
    own(main.tcp, 'tcp'),
    own(main.deferredUdp, 'udp', 'deferred'),
    own(main.deferredTcp, 'tcp', 'deferred'),
    own(main.forwardedUdp, 'udp', 'forwarded'),
    own(main.forwardedTcp, 'tcp', 'forwarded'),
  ];
}
