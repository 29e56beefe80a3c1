/**
 * Whether an upstream has been answering: judged by its replies, and by questions of our own where those stay away.
 */
import { Attempt } from './attempt.ts';
import type { Endpoint } from './endpoint.ts';
import { NO_MARKS } from '../question.ts';
import type { Question } from '../question.ts';
import type { Condition, UpstreamContext, UpstreamState } from './upstream-context.ts';
import { Upstream } from './upstream.ts';

/** Milliseconds before the first probe of a failing upstream, doubled up to the most. */
const PROBE_FIRST = 500;
const PROBE_MOST = 10_000;
const PROBE_TIMEOUT = 1300;
/** Milliseconds after which an unused upstream is no longer probed, and counts as untried. */
const UNUSED = 60_000;
/** Probes under way at the same time, of all upstreams. */
const PROBES_MAX = 64;

/** Every resolver knows the answer. */
const PROBE: Question = {
  name: new Uint8Array(1),
  type: 2,
  class: 1,
  dnssecOk: false,
  checkingDisabled: false,
  marks: NO_MARKS,
};

/**
 * The health of an upstream that a VPC names for itself is that VPC's alone. For one that VPCs share, what one of them
 * misses is only a suspicion: its names may be to blame. There a probe decides.
 */
export class Health implements Condition {
  readonly endpoint: Endpoint;
  readonly isShared: boolean;
  state: UpstreamState = 'untried';
  /** Why it counts as failing, ''. */
  reason = '';
  /** Milliseconds of the clock: when a question last went to it, when it last replied, since when it fails. */
  usedAt: number;
  heardAt = Number.NEGATIVE_INFINITY;
  failingSince = 0;
  knowsEdns = false;
  private readonly shared: UpstreamContext;
  private readonly prober: Upstream;
  private probeDelay = PROBE_FIRST;
  private probeTimer: unknown;
  private probe: Attempt | undefined;
  private plainNext = false;
  private closed = false;

  constructor(endpoint: Endpoint, shared: UpstreamContext, isShared: boolean) {
    this.endpoint = endpoint;
    this.shared = shared;
    this.isShared = isShared;
    this.usedAt = shared.clock.now();
    this.prober = new Upstream(this, shared, 0);
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

  /** Nothing at all has come since a question went to it. */
  missed(reason: string, by: object): void {
    if (this.closed) return;
    if (!this.isShared || by === this.prober) {
      if (this.state !== 'failing') this.failingSince = this.shared.clock.now();
      this.state = 'failing';
      this.reason = reason;
    }
    this.scheduleProbe();
  }

  /** An answer came without EDNS after silence with it: was it EDNS, or is it back? */
  verify(): void {
    if (!this.knowsEdns && this.probe === undefined) this.sendProbe(false);
  }

  close(): void {
    this.closed = true;
    this.shared.clock.clearTimeout(this.probeTimer);
    this.endProbe();
  }

  private scheduleProbe(): void {
    if (this.probeTimer !== undefined) return;
    this.probeTimer = this.shared.clock.setTimeout(() => {
      this.probeTimer = undefined;
      this.probeAgain();
    }, this.probeDelay);
    this.probeDelay = Math.min(PROBE_MOST, this.probeDelay * 2);
  }

  private probeAgain(): void {
    if (this.closed) return;
    if (this.shared.clock.now() - this.usedAt > UNUSED) {
      this.state = 'untried';
      this.reason = '';
      this.probeDelay = PROBE_FIRST;
      return;
    }
    this.plainNext = !this.plainNext && !this.knowsEdns && this.state === 'failing';
    this.sendProbe(this.plainNext);
  }

  private sendProbe(plain: boolean): void {
    if (this.shared.probes >= PROBES_MAX) {
      this.scheduleProbe();
      return;
    }
    this.endProbe();
    this.shared.counters.probes++;
    this.shared.probes++;
    // Any answer counts as a sign of life; silence ends in `missed`.
    this.probe = new Attempt(this.prober, PROBE, undefined, PROBE_TIMEOUT, plain, (outcome) => {
      if (outcome.kind === 'local') this.scheduleProbe();
      this.endProbe();
    });
  }

  private endProbe(): void {
    if (this.probe === undefined) return;
    this.shared.probes--;
    const { probe } = this;
    this.probe = undefined;
    probe.release(0);
  }
}
