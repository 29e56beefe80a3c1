/** What the bench of a fleet prints: what was measured, and what follows for the whole. */
import { backoff } from '../dist/source/reflector/run.js';
import { tableText } from '../prove/table.mjs';
import { random } from './wire.mjs';

/** Seconds that a relay is away in the simulation. */
const AWAY = [1, 5, 30];
const RUNS = 5;

/**
 * Attempts to connect of `nodes` that have lost one relay, which is back after so many seconds: the most in one tenth of
 * a second while it is away, and of the lists that follow. By simulation of the pauses that podns makes: the first
 * attempt that finds the relay gets 410, and after one more pause the node asks for a list.
 */
export function peakRate(nodes) {
  const below = random(7);
  const chance = () => below(1_000_000) / 1_000_000;
  return AWAY.map((away) => {
    const most = { refused: 0, lists: 0, seconds: 0 };
    for (let run = 0; run < RUNS; run++) {
      const refused = new Map();
      const lists = new Map();
      const note = (map, at) => map.set(Math.floor(at / 100), (map.get(Math.floor(at / 100)) ?? 0) + 1);
      for (let node = 0; node < nodes; node++) {
        let attempt = 0;
        let at = backoff(attempt++, chance);
        for (; at < away * 1000; at += backoff(attempt++, chance)) note(refused, at);
        at += backoff(attempt, chance);
        note(lists, at);
        most.seconds = Math.max(most.seconds, at / 1000 - away);
      }
      most.refused = Math.max(most.refused, ...refused.values());
      most.lists = Math.max(most.lists, ...lists.values());
    }
    return { away, ...most };
  });
}

const number = (value, digits = 0) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function print(result) {
  const { options, perRelay, realNodes, change, cold, warm, death, fromEtcd, fromRelay } = result;
  const MB = 1e6;
  const nodesOfVpc = (options.nodes * options['vpcs-per-node']) / options.vpcs;
  const measured = [
    [
      `list of ${number(options.pods)} pods from etcd`,
      `${number(fromEtcd.seconds, 1)} s, ${number(fromEtcd.cpu, 1)} s of CPU, then ${number(fromEtcd.mib)} MiB resident`,
    ],
    [
      `the same from another podns`,
      `${number(fromRelay.seconds, 1)} s, ${number(fromRelay.cpu, 1)} s of CPU, ${number(fromRelay.octets / MB, 1)} MB, then ${number(fromRelay.mib)} MiB resident`,
    ],
    ['octets of a pod in a list', number(fromRelay.octets / options.pods)],
    ['octets of a change for a watcher of its VPC', number(change.octets)],
    ['octets of a change for the others', number(change.octetsUnwatched)],
    ['CPU of a change, relay that watches etcd', `${number(change.cpuRelay)} µs`],
    ['CPU of a change, relay that watches a relay', `${number(change.cpuMiddle)} µs`],
    ['CPU of a change for each watcher of its VPC', `${number(change.cpuWatcher, 1)} µs`],
    [
      `write of a change to the last of ${number(realNodes)} nodes`,
      `median ${number(change.p50, 1)} ms, p99 ${number(change.p99, 1)} ms, most ${number(change.most, 1)} ms`,
    ],
    ['memory of a watcher', `${number(result.watcherKiB)} KiB`],
    [
      `all ${number(perRelay)} nodes of a relay at once`,
      `${number(cold.seconds, 2)} s, ${number(cold.octetsEach / MB, 2)} MB and ${number(cold.cpuEach / 1000, 1)} ms of CPU a node, at most ${number(cold.peakMiB)} MiB`,
    ],
    [
      'the same once more',
      `${number(warm.seconds, 2)} s, ${number(warm.cpuEach / 1000, 1)} ms of CPU a node, at most ${number(warm.peakMiB)} MiB`,
    ],
    [
      'a relay dies and is started after 1 s',
      `its nodes are live after ${number(death.seconds, 1)} s, of which ${number(death.startSeconds, 1)} s are its start; ${number(death.gone)} × 410, ${number(death.unready)} × 503, ${number(death.refused)} refused; ${number(death.attemptsMost)} attempts and ${number(death.listsMost)} lists in the fullest tenth of a second; at most ${number(death.peakMiB)} MiB`,
    ],
  ];
  const perTier = options.middle / options.relays;
  const counted = [
    [
      'connections',
      `${options.relays} to etcd, ${number(perTier)} to each relay, ${number(perRelay)} to each of the middle`,
    ],
    ['nodes that have a VPC', number(nodesOfVpc)],
    [
      'octets of a change, all connections',
      number(change.octets * (options.relays + options.middle + nodesOfVpc)),
    ],
    [
      'changes a second that a relay of etcd bears on one core',
      number(1e6 / (change.cpuRelay + perTier * change.cpuWatcher)),
    ],
    [
      'changes a second that one of the middle bears, if all its nodes have the VPC',
      number(1e6 / (change.cpuMiddle + perRelay * change.cpuWatcher)),
    ],
    [
      'all nodes start: octets, all',
      `${number((options.nodes * cold.octetsEach) / 1e9, 1)} GB, ${number((perRelay * cold.octetsEach) / MB)} MB of each relay`,
    ],
    ['all nodes start: CPU of each relay', `${number((perRelay * cold.cpuEach) / 1e6, 1)} s`],
    ...result.reconnects.map(({ away, refused, lists, seconds }) => [
      `${number(options.nodes)} nodes of one relay that is away for ${away} s`,
      `at most ${number(refused * 10)} attempts a second meanwhile, ${number(lists * 10)} lists a second when it is back, the last after ${number(seconds, 1)} s`,
    ]),
  ];
  return [
    tableText(['measured', 'value'], measured),
    '',
    tableText(
      [`counted for ${number(options.nodes)} nodes and ${number(options.pods)} pods`, 'value'],
      counted,
    ),
  ].join('\n');
}
