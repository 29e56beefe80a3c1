/**
 * Who has which address of a network: an engine gives each to one container at a time. Where two are said to have
 * one, the older of the two looks is out of date, and the address is taken from that container until the next look.
 */
import type { ContainerFacts } from './facts.ts';

interface Holder {
  id: string;
  /** When that look began; looks are numbered. */
  started: number;
}

/**
 * So many disputes in a row about one address, without an event of who claims it, mean that both have it, as with
 * addresses that no engine gives out.
 */
const DISPUTES_MOST = 3;

export class AddressBook {
  private readonly holders = new Map<string, Holder>();
  private readonly ofContainer = new Map<string, string[]>();
  private readonly disputes = new Map<string, number>();
  /** The addresses that were taken from a container, until a look at it says whether it has them. */
  private readonly taken = new Map<string, Set<string>>();

  /**
   * Enters what a look has found. `stale`: containers whose facts have lost an address, `keys` by `addressKey`; they
   * must be looked at again. The one looked at may be among them. `hasNews`: the look was taken because something has
   * happened to the container, so that an address may have moved to it.
   */
  enter(facts: ContainerFacts, started: number, hasNews: boolean): { id: string; keys: Set<string> }[] {
    const stale = new Map<string, Set<string>>();
    const lose = (id: string, key: string): void => {
      const keys = stale.get(id);
      if (keys === undefined) stale.set(id, new Set([key]));
      else keys.add(key);
    };
    const { id } = facts;
    const kept: string[] = [];
    const keys = keysOf(facts);
    this.leave(id, new Set(keys));
    this.taken.delete(id);
    for (const key of keys) {
      const holder = this.holders.get(key);
      if (holder === undefined || holder.id === id) this.disputes.delete(key);
      else {
        const before = this.disputes.get(key) ?? 0;
        const disputes = hasNews && before <= DISPUTES_MOST ? 1 : before + 1;
        this.disputes.set(key, disputes);
        if (disputes <= DISPUTES_MOST) {
          if (holder.started > started) {
            lose(id, key);
            continue;
          }
          lose(holder.id, key);
        }
      }
      this.holders.set(key, { id, started });
      kept.push(key);
    }
    this.ofContainer.set(id, kept);
    for (const [who, lost] of stale) this.taken.set(who, new Set([...(this.taken.get(who) ?? []), ...lost]));
    return [...stale].map(([who, lost]) => ({ id: who, keys: lost }));
  }

  /** The container no longer has any address, except these. */
  leave(id: string, except: ReadonlySet<string> = new Set()): void {
    for (const key of this.ofContainer.get(id) ?? []) {
      if (except.has(key) || this.holders.get(key)?.id !== id) continue;
      this.holders.delete(key);
      this.disputes.delete(key);
    }
    // It has given up what was taken from it.
    for (const key of this.taken.get(id) ?? []) if (!except.has(key)) this.disputes.delete(key);
    this.ofContainer.delete(id);
  }
}

function keysOf({ endpoints }: ContainerFacts): string[] {
  const keys: string[] = [];
  for (const { network, networkId, ip4, ip6 } of endpoints) {
    if (ip4 !== '') keys.push(addressKey(networkId || network, ip4));
    if (ip6 !== '') keys.push(addressKey(networkId || network, ip6));
  }
  return keys;
}

function addressKey(network: string, address: string): string {
  return `${network} ${address}`;
}

/** The facts without these addresses. */
export function without(facts: ContainerFacts, keys: ReadonlySet<string>): ContainerFacts {
  const endpoints = facts.endpoints.map((endpoint) => {
    const network = endpoint.networkId || endpoint.network;
    const lost = (address: string): boolean => keys.has(addressKey(network, address));
    return {
      ...endpoint,
      ip4: lost(endpoint.ip4) ? '' : endpoint.ip4,
      ip6: lost(endpoint.ip6) ? '' : endpoint.ip6,
    };
  });
  return { ...facts, endpoints };
}
