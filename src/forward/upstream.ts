/** One upstream: its address, whether it has been answering, and its TCP connection. */
import { Attempt } from './attempt.ts';
import type { Asked, Outcome } from './attempt.ts';
import type { Endpoint } from './endpoint.ts';
import { buildUpstreamQuery, NO_MARKS } from './question.ts';
import type { Question } from './question.ts';
import type { UpstreamShared } from './shared.ts';
import { UpstreamTcp } from './upstream-tcp.ts';

/** `untried`: nothing has been heard of it either way. */
export type UpstreamState = 'untried' | 'answering' | 'failing';

/** Milliseconds before the first probe of a failing upstream, doubled up to the most. */
const PROBE_FIRST = 500;
const PROBE_MOST = 10_000;
const PROBE_TIMEOUT = 1300;
/** Milliseconds after which an upstream nobody uses is no longer probed, and counts as untried. */
const UNUSED = 60_000;
/** Milliseconds for which an upstream is asked without EDNS once it has shown that it needs that. */
const PLAIN = 600_000;
/** Sockets an upstream keeps open only to count what comes late. */
const LINGER_MAX = 32;

/** Every resolver knows the answer. */
const PROBE: Question = {
  name: new Uint8Array(1),
  type: 2,
  class: 1,
  dnssecOk: false,
  checkingDisabled: false,
  marks: NO_MARKS,
};

export class Upstream implements Asked {
  readonly endpoint: Endpoint;
  readonly shared: UpstreamShared;
  readonly tcp: UpstreamTcp;
  state: UpstreamState = 'untried';
  /** Why it counts as failing, ''. */
  reason = '';
  /** Milliseconds of the clock: when a question last went to it, when it last replied, since when it fails. */
  usedAt: number;
  heardAt = Number.NEGATIVE_INFINITY;
  failingSince = 0;
  private plainUntil = Number.NEGATIVE_INFINITY;
  private probeDelay = PROBE_FIRST;
  private probeTimer: unknown;
  private probe: Attempt | undefined;
  private readonly lingering = new Set<Attempt>();
  private closed = false;

  constructor(endpoint: Endpoint, shared: UpstreamShared) {
    this.endpoint = endpoint;
    this.shared = shared;
    this.usedAt = shared.clock.now();
    this.tcp = new UpstreamTcp({
      endpoint,
      sockets: shared.sockets,
      clock: shared.clock,
      build: (question) => this.build(question, !this.isPlain()),
      strange: () => shared.counters.spoofed++,
    });
  }

  ask(question: Question, timeout: number, report: (outcome: Outcome) => void): Attempt {
    this.usedAt = this.shared.clock.now();
    return new Attempt(this, question, timeout, report);
  }

  build(question: Question, edns: boolean): Uint8Array {
    return buildUpstreamQuery(question, this.shared.random16(), this.shared.mark, edns);
  }

  isPlain(): boolean {
    return this.shared.clock.now() < this.plainUntil;
  }

  turnPlain(): void {
    this.plainUntil = this.shared.clock.now() + PLAIN;
  }

  /** It has replied to something. */
  heard(): void {
    this.heardAt = this.shared.clock.now();
    this.state = 'answering';
    this.reason = '';
    this.probeDelay = PROBE_FIRST;
    this.shared.clock.clearTimeout(this.probeTimer);
    this.probeTimer = undefined;
  }

  /**
   * A question asked at `since` got no reply. Counts only when nothing at all has come since then: one slow name
   * must not put an upstream to the end of the line.
   */
  missed(since: number, reason: string): void {
    if (this.heardAt >= since || this.closed) return;
    if (this.state !== 'failing') this.failingSince = this.shared.clock.now();
    this.state = 'failing';
    this.reason = reason;
    this.scheduleProbe();
  }

  startLinger(attempt: Attempt): boolean {
    if (this.lingering.size >= LINGER_MAX || this.closed) return false;
    this.lingering.add(attempt);
    return true;
  }

  endLinger(attempt: Attempt): void {
    this.lingering.delete(attempt);
  }

  close(): void {
    this.closed = true;
    this.shared.clock.clearTimeout(this.probeTimer);
    this.probe?.release(0);
    for (const attempt of this.lingering) attempt.endLinger();
    this.tcp.close();
  }

  private scheduleProbe(): void {
    if (this.probeTimer !== undefined) return;
    this.probeTimer = this.shared.clock.setTimeout(() => {
      this.probeTimer = undefined;
      this.sendProbe();
    }, this.probeDelay);
    this.probeDelay = Math.min(PROBE_MOST, this.probeDelay * 2);
  }

  private sendProbe(): void {
    if (this.closed || this.state !== 'failing') return;
    if (this.shared.clock.now() - this.usedAt > UNUSED) {
      this.state = 'untried';
      this.reason = '';
      this.probeDelay = PROBE_FIRST;
      return;
    }
    this.shared.counters.probes++;
    this.probe?.release(0);
    // What it says does not matter, only that it says something; silence comes back to `missed`.
    this.probe = new Attempt(this, PROBE, PROBE_TIMEOUT, (outcome) => {
      if (outcome.kind === 'local') this.scheduleProbe();
      this.probe?.release(0);
    });
  }
}
