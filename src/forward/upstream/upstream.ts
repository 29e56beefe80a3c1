/** One upstream as one tenant uses it: its TCP connection, whether it is asked without EDNS, what it has missed. */
import { Attempt } from './attempt.ts';
import type { Asked, Outcome } from './attempt.ts';
import type { Endpoint } from './endpoint.ts';
import { buildUpstreamQuery } from '../question.ts';
import type { Question } from '../question.ts';
import type { Condition, UpstreamContext } from './upstream-context.ts';
import { UpstreamTcp } from './upstream-tcp.ts';

/** Milliseconds for which an upstream is asked without EDNS once it has shown that it needs that. */
const PLAIN = 600_000;
/** Sockets kept open only to count what comes late: of one upstream, and in all. */
const LINGER_MAX = 32;
const LINGER_MAX_ALL = 128;

export class Upstream implements Asked {
  readonly health: Condition;
  readonly shared: UpstreamContext;
  readonly tenant: number;
  private connection: UpstreamTcp | undefined;
  private plainUntil = Number.NEGATIVE_INFINITY;
  /** It was asked without EDNS because it was silent, not because it refused EDNS. */
  private plainBySilence = false;
  /** Milliseconds of the clock: since when this tenant got no answer from it. */
  private missingSince = Number.NEGATIVE_INFINITY;
  private readonly lingering = new Set<Attempt>();
  private closed = false;

  constructor(health: Condition, shared: UpstreamContext, tenant: number) {
    this.health = health;
    this.shared = shared;
    this.tenant = tenant;
  }

  get endpoint(): Endpoint {
    return this.health.endpoint;
  }

  /** What it does wrong shows as silence: only this tenant has named it, and it may be any port that we can reach. */
  get isDiscreet(): boolean {
    return !this.health.isShared;
  }

  /** Milliseconds of the clock since when it counts as failing; Infinity while it does not. */
  get failingSince(): number {
    const { state, failingSince, heardAt } = this.health;
    if (state === 'failing') return failingSince;
    return this.missingSince > heardAt ? this.missingSince : Number.POSITIVE_INFINITY;
  }

  get tcp(): UpstreamTcp {
    const { shared, endpoint } = this;
    this.connection ??= new UpstreamTcp({
      endpoint,
      sockets: shared.sockets,
      clock: shared.clock,
      places: shared.connections,
      tenant: this.tenant,
      build: (question, edns) => this.build(question, edns),
      strange: () => shared.counters.spoofed++,
    });
    return this.connection;
  }

  /** `client`: whose turn it is; undefined: ours. `again`: it was silent when it was asked the same before. */
  ask(
    question: Question,
    client: string | undefined,
    timeout: number,
    again: boolean,
    report: (outcome: Outcome) => void,
  ): Attempt {
    this.health.usedAt = this.shared.clock.now();
    return new Attempt(this, question, client, timeout, again && !this.health.knowsEdns, report);
  }

  build(question: Question, edns: boolean): Uint8Array {
    return buildUpstreamQuery(question, this.shared.random16(), this.shared.mark, edns);
  }

  isPlain(): boolean {
    if (this.plainBySilence && this.health.knowsEdns) return false;
    return this.shared.clock.now() < this.plainUntil;
  }

  turnPlain(bySilence: boolean): void {
    if (!this.isPlain()) this.plainBySilence = bySilence;
    this.plainUntil = this.shared.clock.now() + PLAIN;
    if (bySilence) this.health.verify();
  }

  heard(withEdns: boolean): void {
    this.health.heard();
    if (withEdns) this.health.knowsEdns = true;
  }

  /**
   * A question asked at `since` got no reply. Counts only when nothing at all has come since then: one slow name
   * must not put an upstream to the end of the line.
   */
  missed(since: number, reason: string): void {
    const { heardAt } = this.health;
    if (heardAt >= since || this.closed) return;
    if (this.missingSince <= heardAt) this.missingSince = this.shared.clock.now();
    this.health.missed(reason, this);
  }

  startLinger(attempt: Attempt): boolean {
    const { shared } = this;
    if (this.lingering.size >= LINGER_MAX || shared.lingering >= LINGER_MAX_ALL || this.closed) return false;
    shared.lingering++;
    this.lingering.add(attempt);
    return true;
  }

  endLinger(attempt: Attempt): void {
    if (this.lingering.delete(attempt)) this.shared.lingering--;
  }

  /** It is not asked any more; questions under way end by themselves, or at once with `now`. */
  close(now: boolean): void {
    this.closed = true;
    for (const attempt of [...this.lingering]) attempt.endLinger();
    if (now) this.connection?.close();
  }
}
