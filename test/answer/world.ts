/** The answering room alone, on a trie of its own and a clock that the test moves: no sockets, no catalog. */
import { Deferred } from '../../src/answer/defer/deferred.ts';
import type { DeferredOptions } from '../../src/answer/defer/deferred.ts';
import type { InventoryFacts } from '../../src/answer/defer/inventory.ts';
import type { Listener, Peer } from '../../src/answer/peer.ts';
import { DEFERRED, Responder } from '../../src/answer/responder.ts';
import type { AnswerSettings } from '../../src/answer/settings.ts';
import { parseAddress } from '../../src/dns/address.ts';
import type { Resource, ResourceKey } from '../../src/model.ts';
import { SYNC_LIVE, SYNC_STARTING } from '../../src/trie/layout.ts';
import { reserveMemory } from '../../src/trie/memory.ts';
import { View } from '../../src/trie/read/view.ts';
import { OwnWriter } from '../harness/own-writer.ts';
import { encodeQuery } from '../harness/build.ts';
import type { QueryParts } from '../harness/build.ts';
import { ManualClock } from '../harness/clock.ts';
import { typeText } from '../harness/wire-text.ts';
import { parseWire } from '../harness/wire.ts';
import type { WireMessage } from '../harness/wire.ts';

export interface PeerParts {
  from?: string;
  port?: number;
  to?: string;
  /** `vpc`, `vpc/namespace`, or '' for none. */
  scope?: string;
  tcp?: boolean;
}

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/** `SERVFAIL 14`, `NOERROR AAAA fdfd::1`: rcode, EDE, records; `dropped`, `waiting`. */
export function summary(answer: Uint8Array | 'dropped' | 'waiting'): string {
  if (typeof answer === 'string') return answer;
  if (answer.length === 0) return 'silence';
  const message: WireMessage = parseWire(answer);
  const ede = message.edns?.options.find(({ code }) => code === 15);
  const code = ede === undefined ? '' : ` ${(ede.data[0]! << 8) | ede.data[1]!}`;
  const records = message.answer.map((record) => ` ${typeText(record.type)} ${record.text}`).join('');
  return `${RCODES[message.rcode] ?? message.rcode}${code}${message.flags.tc ? ' TC' : ''}${records}`;
}

const NOTHING = { each: [], count: 0 };

export class World {
  readonly memory = reserveMemory({ names: 1 << 20, addresses: 1 << 20, arena: 1 << 24 }, [3, 4]);
  readonly clock = new ManualClock();
  readonly writer: OwnWriter;
  readonly view: View;
  readonly responder: Responder;
  readonly deferred: Deferred;
  readonly settings: AnswerSettings;
  live = true;
  /** What inventories are made of. */
  readonly facts: InventoryFacts = {
    namespaces: () => NOTHING,
    pods: () => NOTHING,
    services: () => NOTHING,
  };
  private readonly listeners = new Map<string, Listener>();
  private stamp = 0n;

  constructor(settings: Partial<AnswerSettings> = {}, options: Partial<DeferredOptions> = {}) {
    this.settings = {
      ttl: 1,
      negativeTtl: 1,
      zone: 'vpc.internal',
      suffixes: [],
      aRecords: 'pinned',
      nodeName: 'node-1',
      version: 'podns 0',
      chaos: true,
      cookieSecret: Uint8Array.from({ length: 16 }, (_, i) => i),
      tcpIdle: 10,
      forward: 'off',
      clients: [],
      ...settings,
    };
    const { memory } = this;
    const seconds = (): number => Math.floor(this.clock.wall() / 1000);
    this.writer = new OwnWriter(memory, { ...this.settings, canForward: true, now: seconds });
    this.view = new View(memory);
    this.responder = new Responder(this.view, this.settings, seconds);
    this.deferred = new Deferred(this.responder, {
      clock: this.clock,
      limits: { all: 100, vpc: 50, client: 10 },
      syncHold: 1500,
      podHold: 300,
      podGrace: 5000,
      inventory: this.facts,
      isLive: () => this.live,
      ...options,
    });
  }

  put(...resources: Resource[]): void {
    this.change(resources, []);
  }

  /** One transaction, as the server does it. */
  change(put: Resource[], remove: ResourceKey[]): void {
    this.writer.begin();
    for (const resource of put) this.writer.put(resource, ++this.stamp);
    for (const key of remove) this.writer.remove(key);
    this.writer.commit();
    this.deferred.viewChanged();
  }

  sync(isSynced = true): void {
    this.writer.setSync(isSynced ? SYNC_LIVE : SYNC_STARTING);
    this.deferred.viewChanged();
  }

  peer({ from = 'fdfd::1', port = 4000, to = 'fdfd::53', scope = '', tcp = false }: PeerParts = {}): Peer {
    let listener = this.listeners.get(scope);
    if (listener === undefined) {
      const [vpc = '', namespace = ''] = scope.split('/');
      const id = this.listeners.size;
      listener = { id, text: `[::]:53@${scope}`, address: '::', port: 53, vpc, namespace };
      this.listeners.set(scope, listener);
    }
    return { address: octets(from), port, local: octets(to), listener, tcp };
  }

  /** One packet through `answer`, and `defer` where that says so. `answer` is what has come so far. */
  ask(query: QueryParts, peer: PeerParts = {}): { readonly answer: Uint8Array | 'dropped' | 'waiting' } {
    const asker = this.peer(peer);
    const packet = encodeQuery({ edns: {}, ...query });
    const out = new Uint8Array(asker.tcp ? 65535 : 1232);
    this.view.refresh();
    const length = this.responder.answer(packet, 0, packet.length, asker, out, 0);
    const state: { answer: Uint8Array | 'dropped' | 'waiting' } = { answer: 'waiting' };
    if (length === 0) state.answer = 'dropped';
    else if (length !== DEFERRED) state.answer = out.slice(0, length);
    else {
      this.deferred.defer(packet, asker, (answer) => {
        if (state.answer !== 'waiting') throw new Error('answered twice');
        state.answer = answer.slice();
      });
    }
    return state;
  }

  /** `ask` in one word. */
  say(name: string, type = 'AAAA', peer: PeerParts = {}): string {
    return summary(this.ask({ name, type }, peer).answer);
  }
}

export function octets(address: string): Uint8Array {
  const bytes = new Uint8Array(16);
  if (parseAddress(address, bytes, 0) === 0) throw new Error(`not an address: ${address}`);
  return bytes;
}
