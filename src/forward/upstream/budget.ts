/**
 * How often an upstream is asked, and whose turn it is when that is not often enough for all.
 *
 * Resolvers of clouds drop what goes beyond some packets a second (1,024 from one network interface is usual), and they
 * drop whatever comes then: one tenant's flood would take the answers of all. So each upstream has a token bucket here,
 * and when it is empty, questions wait in turns: tenant by tenant, and within a tenant client by client. What nobody
 * else needs is anyone's.
 */
import type { Clock } from '../../base/clock.ts';
import { isLoopback } from '../../dns/address.ts';
import type { Endpoint } from './endpoint.ts';

/** Of what may be sent in a second, the part that may leave at once after a pause. */
const BURST = 0.1;
/** Buckets kept; above, those that are full and that nobody waits for are forgotten. */
const KEPT = 512;

type Turns = Set<() => void>;

/** The budget of one upstream. */
class Bucket {
  private readonly rate: number;
  private readonly most: number;
  private readonly clock: Clock;
  private tokens: number;
  private filledAt: number;
  private timer: unknown;
  /** By tenant and client; whose turn is next comes first. */
  private readonly waiting = new Map<number, Map<string, Turns>>();

  constructor(rate: number, clock: Clock) {
    this.rate = rate;
    this.clock = clock;
    this.most = Math.max(1, rate * BURST);
    this.tokens = this.most;
    this.filledAt = clock.now();
  }

  /** Full, and nobody waits. */
  get isIdle(): boolean {
    this.fill();
    return this.waiting.size === 0 && this.tokens >= this.most;
  }

  take(tenant: number, client: string, run: () => void): (() => void) | undefined {
    this.fill();
    if (this.waiting.size === 0 && this.tokens >= 1) {
      this.tokens--;
      run();
      return undefined;
    }
    const clients = this.waiting.get(tenant) ?? new Map<string, Turns>();
    const turns = clients.get(client) ?? new Set();
    // A function of its own: the same `run` may wait twice.
    const turn = (): void => run();
    this.waiting.set(tenant, clients.set(client, turns.add(turn)));
    this.arm();
    return () => {
      if (!turns.delete(turn) || turns.size > 0) return;
      clients.delete(client);
      if (clients.size === 0 && this.waiting.get(tenant) === clients) this.waiting.delete(tenant);
    };
  }

  spend(): void {
    this.fill();
    // Never so deep in debt that the next question waits longer than for what a second allows.
    this.tokens = Math.max(this.tokens - 1, -this.most);
  }

  private fill(): void {
    const now = this.clock.now();
    this.tokens = Math.min(this.most, this.tokens + ((now - this.filledAt) * this.rate) / 1000);
    this.filledAt = now;
  }

  private arm(): void {
    if (this.timer !== undefined) return;
    const ms = Math.max(1, Math.ceil(((1 - this.tokens) * 1000) / this.rate));
    this.timer = this.clock.setTimeout(() => {
      this.timer = undefined;
      this.fill();
      while (this.tokens >= 1 && this.waiting.size > 0) {
        this.tokens--;
        this.next()();
      }
      if (this.waiting.size > 0) this.arm();
    }, ms);
  }

  /** Takes out whose turn it is; tenant and client go to the end of their lines. */
  private next(): () => void {
    const [tenant, clients] = first(this.waiting);
    const [client, turns] = first(clients);
    const turn = turns.values().next().value!;
    turns.delete(turn);
    clients.delete(client);
    if (turns.size > 0) clients.set(client, turns);
    this.waiting.delete(tenant);
    if (clients.size > 0) this.waiting.set(tenant, clients);
    return turn;
  }
}

export class Budgets {
  private readonly rate: number;
  private readonly clock: Clock;
  private readonly buckets = new Map<string, Bucket>();

  /** `rate`: messages a second to one upstream; 0: any number. */
  constructor(rate: number, clock: Clock) {
    this.rate = rate;
    this.clock = clock;
  }

  /**
   * Calls `run` once this client of this tenant may ask the upstream: maybe at once, then undefined is returned.
   * Otherwise the returned function gives the turn up.
   */
  take(endpoint: Endpoint, tenant: number, client: string, run: () => void): (() => void) | undefined {
    const bucket = this.of(endpoint);
    if (bucket !== undefined) return bucket.take(tenant, client, run);
    run();
    return undefined;
  }

  /** A message that does not wait: a probe, or one that goes on with a question that had its turn. */
  spend(endpoint: Endpoint): void {
    this.of(endpoint)?.spend();
  }

  /** What goes to this host itself passes no network. Who names the upstream does not matter: it is one resolver. */
  private of(endpoint: Endpoint): Bucket | undefined {
    if (this.rate === 0 || isLoopback(endpoint.address)) return undefined;
    const { text } = endpoint;
    let bucket = this.buckets.get(text);
    if (bucket === undefined) {
      if (this.buckets.size >= KEPT) this.sweep();
      bucket = new Bucket(this.rate, this.clock);
      this.buckets.set(text, bucket);
    }
    return bucket;
  }

  private sweep(): void {
    for (const [text, bucket] of this.buckets) if (bucket.isIdle) this.buckets.delete(text);
  }
}

function first<K, V>(map: Map<K, V>): [K, V] {
  return map.entries().next().value!;
}
