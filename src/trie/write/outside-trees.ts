/** Trees of the names in `routes` and `hosts`: one for each VPC that has some, and one for the configuration. */
import { parse4, parse6 } from '../../dns/address.ts';
import type { NameLists } from '../../model.ts';
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import type { Nodes } from './nodes.ts';
import type { Tables } from './tables.ts';

/** The routes and hosts of a VPC or of the configuration. */
export interface OutsideRules {
  routes?: NameLists | undefined;
  hosts?: NameLists | undefined;
}

const octets = new Uint8Array(16);
/** The same octets as native words. */
const octetWords = new Int32Array(octets.buffer);

export function isEmpty({ routes = {}, hosts = {} }: OutsideRules): boolean {
  return namesOf(routes, hosts).size === 0;
}

/** True when one of the routes has upstreams, so that names may leave by it. */
export function leadsOut({ routes = {} }: OutsideRules): boolean {
  return Object.values(routes).some((upstreams) => upstreams.length > 0);
}

export class OutsideTrees {
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly nodes: Nodes;
  private readonly bytes: Uint8Array;

  constructor(arena: Arena, tables: Tables, nodes: Nodes) {
    this.arena = arena;
    this.tables = tables;
    this.nodes = nodes;
    this.bytes = new Uint8Array(arena.words.buffer);
  }

  /** Makes a tree, and returns its root. */
  plant({ routes = {}, hosts = {} }: OutsideRules): number {
    const root = this.nodes.root();
    for (const name of namesOf(routes, hosts)) {
      const node = this.nodes.ensurePath(root, name);
      this.nodes.setPayload(node, this.mark(ownList(routes, name), ownList(hosts, name) ?? []));
    }
    return root;
  }

  /** Removes the tree that `plant` made from the same rules. */
  uproot(root: number, { routes = {}, hosts = {} }: OutsideRules): void {
    for (const name of namesOf(routes, hosts)) {
      const node = this.nodes.findPath(root, name);
      this.tables.release(this.nodes.payload(node), markWords(ownList(hosts, name)));
      this.nodes.setPayload(node, 0);
      this.nodes.prune(node, root);
    }
    this.tables.release(root, layout.NODE_LABEL);
  }

  /** A record that begins as a POD does, so that answers are made from it in the same way. */
  private mark(route: readonly string[] | undefined, host: readonly string[]): number {
    const { words } = this.arena;
    const record = this.arena.allocate(markWords(host));
    const sixes = host.filter(isSix);
    const fours = host.filter((address) => !isSix(address));
    let flags = route === undefined ? 0 : route.length > 0 ? layout.OUTSIDE_ROUTED : layout.OUTSIDE_BLOCKED;
    if (host.length > 0) flags |= layout.OUTSIDE_HOST;
    words[record] = layout.RECORD_OUTSIDE | flags;
    words[record + layout.RRSET_AAAA_COUNT] = sixes.length;
    words[record + layout.RRSET_A_COUNT] = fours.length;
    let at = record + layout.RRSET_AAAA;
    for (const six of sixes) {
      parse6(six, octets, 0);
      words.set(octetWords, at);
      at += 4;
    }
    for (const four of fours) {
      const address = parse4(four);
      for (let i = 0; i < 4; i++) this.bytes[at * 4 + i] = address >>> (24 - 8 * i);
      at++;
    }
    return record;
  }
}

/** A name may be equal to a property that every object has. */
function ownList(lists: NameLists, name: string): readonly string[] | undefined {
  return Object.hasOwn(lists, name) ? lists[name] : undefined;
}

function namesOf(routes: NameLists, hosts: NameLists): Set<string> {
  return new Set([...Object.keys(routes), ...Object.keys(hosts)]);
}

function isSix(address: string): boolean {
  return address.includes(':');
}

function markWords(host: readonly string[] = []): number {
  let words = layout.RRSET_AAAA;
  for (const address of host) words += isSix(address) ? 4 : 1;
  return words;
}
