/** What could not be answered at once, on the main thread: holds, TXT texts, outside names. */
import type { Clock } from '../../base/clock.ts';
import { RateLimit } from '../../base/limits.ts';
import type { ConcurrencyLimits } from '../../base/limits.ts';
import { formatAddress } from '../../dns/address.ts';
import * as dns from '../../dns/constants.ts';
import { vpcName } from '../../trie/read/names.ts';
import { WAIT_FAIL, WAIT_HOLD, WAIT_OVER } from '../decide/client.ts';
import * as decision from '../decide/decision.ts';
import { Holds } from './holds.ts';
import { packTexts } from './inventory.ts';
import type { InventoryFacts } from './inventory.ts';
import type { Peer } from '../peer.ts';
import type { Responder } from '../responder.ts';
import { textLines } from './texts.ts';
import { UNKNOWN_FAIL, UNKNOWN_HOLD, UnknownPods } from './unknown-pods.ts';

/** Forwards the outside name that the responder has just judged; replies once, or never. */
export interface OutsideNames {
  ask(packet: Uint8Array, responder: Responder, peer: Peer, reply: (answer: Uint8Array) => void): void;
}

export interface DeferredOptions {
  clock: Clock;
  limits: ConcurrencyLimits;
  /** Milliseconds: how long for the first view, for an unknown pod, and until an unknown pod counts as absent. */
  syncHold: number;
  podHold: number;
  podGrace: number;
  inventory: InventoryFacts;
  /** True while no source is lost and all have synced. */
  isLive: () => boolean;
  /** True while there is less in the inventory than in the view. Default: it never is. */
  isLoading?: () => boolean;
  outside?: OutsideNames;
}

interface Item {
  packet: Uint8Array;
  peer: Peer;
  reply: (answer: Uint8Array) => void;
  /** Key of the source in UnknownPods when that is what it waits for. */
  unknown: string;
}

/** Tells the transport that no answer will come. */
const SILENCE = new Uint8Array(0);
/** Inventories per second and VPC. */
const INVENTORIES = 5;
/** Above this many holds a changed view is not offered to them at each change, but every few milliseconds. */
const MANY_HOLDS = 32;

export class Deferred {
  /** Queries that were held for the first view and for their pod, of those the ones held in vain; no room for. */
  readonly counters = { sync: 0, pod: 0, expired: 0, overflows: 0 };
  private readonly responder: Responder;
  private readonly options: DeferredOptions;
  private readonly holds: Holds<Item>;
  private readonly unknownPods: UnknownPods;
  private readonly inventoryLimit: RateLimit<string>;
  private readonly out = new Uint8Array(65535);
  private retryTimer: unknown;

  constructor(responder: Responder, options: DeferredOptions) {
    this.responder = responder;
    this.options = options;
    this.holds = new Holds(options.limits, options.clock, (item) => item.reply(SILENCE));
    this.unknownPods = new UnknownPods(options.clock, options.podGrace);
    this.inventoryLimit = new RateLimit<string>(INVENTORIES, () => options.clock.now() / 1000);
  }

  get held(): number {
    return this.holds.size;
  }

  /** The `defer` of the transports' contract. */
  defer(packet: Uint8Array, peer: Peer, reply: (answer: Uint8Array) => void): void {
    const item: Item = { packet, peer, reply, unknown: '' };
    this.judge(item, WAIT_HOLD);
    const { outcome } = this.responder.decision;
    if (outcome === decision.OUTCOME_HOLD_SYNC || this.lacksInventory) this.holdForSync(item);
    else if (outcome === decision.OUTCOME_HOLD_POD) this.holdForPod(item);
    else this.finish(item);
  }

  /** What has just been judged asks for an inventory that is not whole yet. */
  private get lacksInventory(): boolean {
    const { outcome, data } = this.responder.decision;
    if (outcome !== decision.OUTCOME_TEXT || data === decision.DATA_WHOAMI) return false;
    return this.options.isLoading?.() === true;
  }

  /** The view has changed: what was held may be answerable. */
  viewChanged(): void {
    if (this.holds.size === 0 || this.retryTimer !== undefined) return;
    if (this.holds.size <= MANY_HOLDS) this.retry();
    else {
      this.retryTimer = this.options.clock.setTimeout(() => {
        this.retryTimer = undefined;
        this.retry();
      }, 5);
    }
  }

  /** Answers everything that is held as if its time were over. */
  close(): void {
    this.holds.clear((item) => this.expire(item));
    this.options.clock.clearTimeout(this.retryTimer);
  }

  private retry(): void {
    const podless: Item[] = [];
    this.holds.retry((item) => {
      this.judge(item, WAIT_HOLD);
      const { outcome } = this.responder.decision;
      if (outcome === decision.OUTCOME_HOLD_SYNC || this.lacksInventory) return false;
      if (outcome === decision.OUTCOME_HOLD_POD) {
        if (item.unknown !== '') return false;
        podless.push(item);
      } else this.finish(item);
      return true;
    });
    // What waited for the first view waits for its pod from now on.
    for (const item of podless) {
      this.judge(item, WAIT_HOLD);
      this.holdForPod(item);
    }
  }

  private judge(item: Item, podWait: number): void {
    const { responder } = this;
    responder.view.refresh();
    responder.judge(item.packet, 0, item.packet.length, item.peer, podWait);
  }

  private holdForSync(item: Item): void {
    const source = formatAddress(item.peer.address, 0);
    const { syncHold } = this.options;
    if (
      !this.holds.hold(item, item.peer.listener.vpc, source, retransmissionKey(item), syncHold, (late) =>
        this.expire(late),
      )
    ) {
      this.overflow(item);
    } else this.counters.sync++;
  }

  private overflow(item: Item): void {
    this.counters.overflows++;
    this.fail(item, dns.EDE_NOT_READY, decision.TEXT_BUSY);
  }

  private holdForPod(item: Item): void {
    const { client } = this.responder;
    const vpc = this.vpcName(client.vpc);
    const source = formatAddress(item.peer.address, 0);
    item.unknown = `${vpc} ${source}`;
    const verdict = this.unknownPods.judge(item.unknown, this.options.isLive());
    if (verdict === UNKNOWN_HOLD) {
      const { podHold } = this.options;
      if (this.holds.hold(item, vpc, source, retransmissionKey(item), podHold, (late) => this.expire(late)))
        this.counters.pod++;
      else this.overflow(item);
      return;
    }
    this.judge(item, verdict === UNKNOWN_FAIL ? WAIT_FAIL : WAIT_OVER);
    const d = this.responder.decision;
    // A name that does not exist for want of the pod: whoever asks is told so.
    if (d.outcome === decision.OUTCOME_ANSWER && d.rcode === dns.RCODE_NXDOMAIN && d.ede < 0)
      d.fail(dns.RCODE_NXDOMAIN, dns.EDE_NOT_READY, decision.TEXT_POD_UNKNOWN);
    this.finish(item);
  }

  /** A hold has run out: one last look, then the failure. */
  private expire(item: Item): void {
    this.counters.expired++;
    if (item.unknown !== '') this.unknownPods.heldInVain(item.unknown);
    this.judge(item, WAIT_FAIL);
    if (this.responder.decision.outcome === decision.OUTCOME_HOLD_SYNC || this.lacksInventory) {
      this.fail(item, dns.EDE_NOT_READY, decision.TEXT_NOT_SYNCED);
    } else this.finish(item);
  }

  /** Answers what has just been judged and needs no wait. */
  private finish(item: Item): void {
    const { responder } = this;
    const d = responder.decision;
    if (d.outcome === decision.OUTCOME_ANSWER) this.send(item);
    else if (d.outcome === decision.OUTCOME_TEXT) this.sendText(item);
    else if (d.outcome === decision.OUTCOME_DROP) item.reply(SILENCE);
    else if (d.outcome === decision.OUTCOME_OUTSIDE) {
      if (this.options.outside !== undefined) {
        this.options.outside.ask(item.packet, responder, item.peer, item.reply);
      } else this.fail(item, dns.EDE_NO_REACHABLE_AUTHORITY, decision.TEXT_NO_FORWARDER);
    }
  }

  private send(item: Item, texts?: readonly Uint8Array[]): void {
    const length = this.responder.encode(item.peer, this.out, 0, texts);
    item.reply(this.out.subarray(0, length));
  }

  private fail(item: Item, ede: number, text: number): void {
    this.responder.decision.giveUp(ede, text);
    this.send(item);
  }

  private sendText(item: Item): void {
    const { responder, options } = this;
    const vpc = this.vpcName(responder.client.vpc);
    const isInventory = responder.decision.data !== decision.DATA_WHOAMI;
    if (isInventory && !this.inventoryLimit.allow(vpc)) {
      this.fail(item, dns.EDE_PROHIBITED, decision.TEXT_INVENTORY_RATE);
      return;
    }
    const { lines, room } = textLines(responder, item.peer, options.inventory);
    this.send(item, packTexts(lines, room));
  }

  /** WAIT_*: what a name that needs the namespace of this unknown source would meet now; nothing is remembered. */
  waitOf(vpc: string, source: string): number {
    const verdict = this.unknownPods.peek(`${vpc} ${source}`, this.options.isLive());
    if (verdict === UNKNOWN_HOLD) return WAIT_HOLD;
    return verdict === UNKNOWN_FAIL ? WAIT_FAIL : WAIT_OVER;
  }

  private vpcName(vpc: number): string {
    const { view } = this.responder;
    return vpc === 0 ? '' : vpcName(view, vpc);
  }
}

/** The same question from the same port with the same id: a retransmission. TCP has none. */
function retransmissionKey({ packet, peer }: Item): string {
  if (peer.tcp) return '';
  const octets = Buffer.from(packet.buffer, packet.byteOffset, packet.length).toString('latin1');
  return `${peer.listener.id} ${formatAddress(peer.address, 0)} ${peer.port} ${octets}`;
}
