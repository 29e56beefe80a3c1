/** Collects what was measured of authoritative answers and sums it up: medians, ratios per round; docs/benchmarks.json. */
import { coreMarkdown, KEEPS_UP } from './core-report.mjs';
import { writeFigures } from './figures.mjs';
import { measuredOn } from './measured-on.mjs';
import { whyMissing } from './missing.mjs';
import { median, middleHalf, quantile, round } from './statistics.mjs';

const UPSTREAMS = ['nsd', 'knot', 'gdnsd', 'loop', 'dns2', 'dnsmasq', 'podns-dgram', 'podns-before'];

/** Of all that is measured in rounds. */
export { median, round };

export class Report {
  /** label → server → results in the order of the rounds */
  results = new Map();
  servers = [];
  versions = {};
  updates = [];
  absent = [];

  constructor(options) {
    this.options = options;
  }

  add(label, name, result) {
    if (!this.results.has(label)) this.results.set(label, new Map());
    const named = this.results.get(label);
    named.set(name, [...(named.get(name) ?? []), result]);
  }

  server(pods, peer, { loadSeconds, resident }) {
    this.versions[peer.name] = peer.version();
    this.servers.push({
      pods,
      name: peer.name,
      loadSeconds: round(loadSeconds, 1),
      mebibytes: round(resident / 2 ** 20, 0),
    });
  }

  missing(peer, error) {
    const reason = whyMissing(peer, error);
    if (!this.absent.includes(reason)) this.absent.push(reason);
  }

  /**
   * `kept`, `rates`: one a round; `times`: milliseconds of each change that was timed; `inside`: p50 and p99 of all
   * changes by the server's own account.
   */
  update(rate, { kept, rates, times, inside }) {
    const at = (q) => round(quantile(times, q), 3);
    const queries = Math.round(median(rates));
    this.updates.push({
      rate,
      queries,
      kept: round(median(kept), 3),
      keptHalf: middleHalf(kept),
      p50: at(0.5),
      p99: at(0.99),
      timed: times.length,
      insideP50: inside[0],
      insideP99: inside[1],
    });
  }

  /** Median of one figure, undefined when it was not measured. */
  figure(label, name, key) {
    const results = this.results.get(label)?.get(name);
    return results === undefined ? undefined : median(results.map((result) => result[key]));
  }

  /** Our CPU time divided by theirs, round by round, by name: what slows a round slows both. */
  #rounds(label) {
    const results = this.results.get(label);
    const ours = results?.get('podns');
    // One that cannot keep up has answered others than those that can.
    const keepsUp = (all) => all !== undefined && !(median(all.map(({ share = 1 }) => share)) < KEEPS_UP);
    if (ours?.[0].cpu === undefined || !keepsUp(ours)) return [];
    const answering = UPSTREAMS.filter((name) => keepsUp(results.get(name)));
    return answering.map((name) => [name, ours.map(({ cpu }, i) => cpu / results.get(name)[i].cpu)]);
  }

  ratios(label) {
    return Object.fromEntries(this.#rounds(label).map(([name, ratios]) => [name, round(median(ratios), 3)]));
  }

  halves(label) {
    return Object.fromEntries(this.#rounds(label).map(([name, ratios]) => [name, middleHalf(ratios)]));
  }

  finish(yardstick) {
    const sizes = [...new Set(this.servers.map(({ pods }) => pods))];
    const size = sizes.includes(yardstick) ? yardstick : sizes[0];
    const data = {
      ...measuredOn(),
      versions: this.versions,
      rounds: Number(this.options.rounds),
      seconds: Number(this.options.seconds),
      pods: size,
      ratios: this.ratios(`udp6 ${size}`),
      ratiosIPv4: this.ratios(`udp4 ${size}`),
      ratiosTcp: this.ratios(`tcp6 ${size}`),
      throughputMillionOverThousand: this.sizeRatio(sizes),
      idlePercent: this.figure(`idle ${size}`, 'podns', 'percent'),
      missing: this.absent,
      servers: this.servers,
      medians: this.medians(),
      ratiosOf: Object.fromEntries([...this.results.keys()].map((label) => [label, this.ratios(label)])),
      halvesOf: Object.fromEntries([...this.results.keys()].map((label) => [label, this.halves(label)])),
      updates: this.updates,
    };
    if (!this.options.write) {
      process.stdout.write(coreMarkdown(data));
      return;
    }
    writeFigures('benchmarks.json', data);
  }

  sizeRatio(sizes) {
    if (!sizes.includes(1_000_000) || !sizes.includes(1000)) return undefined;
    const large = this.figure('udp6 1000000', 'podns', 'rate');
    const small = this.figure('udp6 1000', 'podns', 'rate');
    return large === undefined || small === undefined ? undefined : round(large / small, 3);
  }

  medians() {
    const all = {};
    for (const [label, named] of this.results) {
      all[label] = {};
      for (const [name, results] of named) {
        const keys = ['cpu', 'rate', 'load', 'lost', 'p50', 'p99', 'share', 'percent'].filter(
          (key) => results[0][key] !== undefined,
        );
        all[label][name] = Object.fromEntries(
          keys.map((key) => [key, round(median(results.map((r) => r[key])), 4)]),
        );
      }
    }
    return all;
  }
}
