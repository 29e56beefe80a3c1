/** Collects what was measured and writes it: medians, ratios per round, tables in docs/benchmarks.md and .json. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const round = (number, digits = 2) => Number(number.toFixed(digits));

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const UPSTREAMS = ['nsd', 'knot', 'gdnsd', 'loop', 'dns2', 'dnsmasq', 'podns-dgram'];

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
    const [reason] = error.message.split('\n');
    if (!this.absent.includes(reason)) this.absent.push(reason);
  }

  /** `kept`, `rates`: one a round; `times`: milliseconds of each change that was timed. */
  update(rate, { kept, rates, times }) {
    const sorted = [...times].sort((a, b) => a - b);
    const at = (q) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))], 3);
    const queries = Math.round(median(rates));
    this.updates.push({
      rate,
      queries,
      kept: round(median(kept), 3),
      p50: at(0.5),
      p99: at(0.99),
      timed: times.length,
    });
  }

  /** Median of one figure, undefined when it was not measured. */
  figure(label, name, key) {
    const results = this.results.get(label)?.get(name);
    return results === undefined ? undefined : median(results.map((result) => result[key]));
  }

  /** Median over the rounds of ours divided by theirs: what slows a round slows both. */
  ratio(label, theirs, key = 'cpu', ours = 'podns') {
    const mine = this.results.get(label)?.get(ours);
    const other = this.results.get(label)?.get(theirs);
    if (mine === undefined || other === undefined) return undefined;
    return round(median(mine.map((result, i) => result[key] / other[i][key])), 3);
  }

  ratios(label) {
    const found = UPSTREAMS.map((name) => [name, this.ratio(label, name)]);
    return Object.fromEntries(found.filter(([, ratio]) => ratio !== undefined));
  }

  finish(yardstick) {
    const sizes = [...new Set(this.servers.map(({ pods }) => pods))];
    const size = sizes.includes(yardstick) ? yardstick : sizes[0];
    const data = {
      date: new Date().toISOString(),
      kernel: release(),
      cpu: cpus()[0].model,
      node: process.version,
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
      updates: this.updates,
    };
    const text = this.markdown(data, sizes, size);
    if (!this.options.write) {
      process.stdout.write(text);
      return;
    }
    writeFileSync(new URL('../docs/benchmarks.json', import.meta.url), JSON.stringify(data, null, 2) + '\n');
    writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), text);
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

  names(label) {
    return [...(this.results.get(label)?.keys() ?? [])];
  }

  loadTable(label) {
    const rows = this.names(label).map((name) => [
      name,
      this.figure(label, name, 'cpu').toFixed(2),
      Math.round(this.figure(label, name, 'rate')).toLocaleString('en'),
      name === 'podns' ? '' : (this.ratio(label, name)?.toFixed(3) ?? ''),
    ]);
    return table(['server', 'CPU µs a query', 'queries a second', 'podns ÷ it, CPU'], rows);
  }

  markdown(data, sizes, size) {
    const parts = [readFileSync(new URL('preface.md', import.meta.url), 'utf8').trimEnd()];
    const versions = Object.entries(data.versions).map(([name, version]) => `${name} ${version}`);
    parts.push(
      `Measured ${data.date.slice(0, 10)} on ${data.cpu}, Linux ${data.kernel}, Node ${data.node}; ${versions.join(', ')}. ` +
        `Medians of ${data.rounds} interleaved rounds of ${data.seconds} s.`,
    );
    for (const reason of data.missing) parts.push(`Not measured: ${reason}.`);
    const titles = {
      udp6: 'UDP over IPv6',
      udp4: 'UDP over IPv4',
      bare6: 'UDP over IPv6, bare names',
      tcp6: 'TCP over IPv6, pipelined',
    };
    for (const [kind, title] of Object.entries(titles)) {
      for (const pods of sizes) {
        const label = `${kind} ${pods}`;
        if (this.results.has(label))
          parts.push(`## ${title}, ${pods.toLocaleString('en')} pods`, this.loadTable(label));
      }
    }
    const label = `latency6 ${size}`;
    if (this.results.has(label)) {
      const rows = this.names(label).map((name) =>
        // One that cannot keep up has no latency, only a queue.
        this.figure(label, name, 'share') < 0.98
          ? [name, 'cannot keep up', '']
          : [name, ...['p50', 'p99'].map((key) => this.figure(label, name, key).toFixed(0))],
      );
      parts.push('## Latency at 20,000 queries a second, µs', table(['server', 'p50', 'p99'], rows));
    }
    const second = `dnsperf6 ${size}`;
    if (this.results.has(second)) {
      const rows = this.names(second).map((name) => [
        name,
        Math.round(this.figure(second, name, 'rate')).toLocaleString('en'),
      ]);
      parts.push('## A second opinion: dnsperf', table(['server', 'queries a second'], rows));
    }
    parts.push(
      '## Memory and load time',
      table(
        ['server', 'pods', 'MiB', 'seconds until it answers'],
        this.servers.map(({ name, pods, mebibytes, loadSeconds }) => [
          name,
          pods.toLocaleString('en'),
          mebibytes,
          loadSeconds,
        ]),
      ),
    );
    if (this.updates.length > 0) {
      const rows = this.updates.map((u) => [
        u.rate.toLocaleString('en'),
        Math.round(u.queries).toLocaleString('en'),
        u.kept.toFixed(3),
        u.p50.toFixed(2),
        u.p99.toFixed(2),
      ]);
      const head = [
        'changes a second',
        'queries a second',
        '÷ without changes',
        'change to first new answer, ms: p50',
        'p99',
      ];
      parts.push('## Changes under full query load', table(head, rows));
    }
    if (data.throughputMillionOverThousand !== undefined) {
      parts.push(`Queries a second at 1,000,000 pods ÷ at 1,000: ${data.throughputMillionOverThousand}.`);
    }
    if (data.idlePercent !== undefined) parts.push(`Idle: ${data.idlePercent.toFixed(4)} % of a core.`);
    return parts.join('\n\n') + '\n';
  }
}
