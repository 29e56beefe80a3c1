/** Asks what the wire would be asked, without a socket, without a wait and without asking anybody else. */
import { WAIT_FAIL, WAIT_HOLD, WAIT_OVER } from '../answer/decide/client.ts';
import * as decision from '../answer/decide/decision.ts';
import { packTexts } from '../answer/defer/inventory.ts';
import { textLines } from '../answer/defer/texts.ts';
import type { Peer } from '../answer/peer.ts';
import { Responder } from '../answer/responder.ts';
import { formatAddress } from '../dns/address.ts';
import { EDE_NOT_READY } from '../dns/constants.ts';
import { vpcName } from '../trie/read/names.ts';
import { View } from '../trie/read/view.ts';
import type { OutsideExplained } from './explanation.ts';
import { ExplainError } from './facts.ts';
import type { ExplainFacts } from './facts.ts';
import { TracedDecider } from './trace.ts';

export interface Asked {
  outcome: 'answered' | 'held' | 'forwarded' | 'dropped';
  /** The message; undefined where there is none, or nobody was asked for it. */
  answer: Uint8Array | undefined;
  outside: OutsideExplained | undefined;
}

/** What an inventory is composed of: lines as far as they fit, how many there are, octets for them. */
export interface InventoryLines {
  lines: string[];
  count: number;
  room: number;
}

/** Lines of an inventory that are read in one slice of work. */
const LINES_A_SLICE = 64;
const MESSAGE_MAX = 65535;

export class Asker {
  readonly responder: Responder;
  readonly decider: TracedDecider;
  private readonly facts: ExplainFacts;
  private readonly out = new Uint8Array(MESSAGE_MAX);

  constructor(facts: ExplainFacts) {
    this.facts = facts;
    const { memory, settings } = facts;
    const view = new View(memory);
    this.decider = new TracedDecider(view, settings);
    // Nobody floods anybody with explanations: whoever is refused is told so each time.
    const refusals = { allow: () => true };
    this.responder = new Responder(view, settings, () => facts.seconds(), {
      decider: this.decider,
      refusals,
    });
  }

  /**
   * What the responder has judged stays in it until the next call, as does the trace. Where an inventory has to be
   * composed, `lines` are its lines, and without them the answer is left out.
   */
  ask(packet: Uint8Array, peer: Peer, lines?: InventoryLines): Asked {
    const { responder, facts } = this;
    const d = responder.decision;
    this.judge(packet, peer, WAIT_HOLD);
    let outcome: Asked['outcome'] = 'answered';
    if (d.outcome === decision.OUTCOME_HOLD_SYNC) {
      outcome = 'held';
      d.giveUp(EDE_NOT_READY, decision.TEXT_NOT_SYNCED);
    } else if (d.outcome === decision.OUTCOME_HOLD_POD) {
      const { client, view } = responder;
      const wait = facts.podWait(vpcName(view, client.vpc), formatAddress(peer.address, 0));
      if (wait === WAIT_HOLD) outcome = 'held';
      this.judge(packet, peer, wait === WAIT_OVER ? WAIT_OVER : WAIT_FAIL);
    }
    if (d.outcome === decision.OUTCOME_DROP)
      return { outcome: 'dropped', answer: undefined, outside: undefined };
    if (d.outcome === decision.OUTCOME_OUTSIDE) {
      const { facts: outside, answer } = facts.outside(packet, responder, peer);
      return { outcome: answer === undefined ? 'forwarded' : 'answered', answer, outside };
    }
    return { outcome, answer: this.encode(peer, lines), outside: undefined };
  }

  /** What was judged last is an inventory that has to be composed. */
  get composes(): boolean {
    return this.responder.decision.outcome === decision.OUTCOME_TEXT;
  }

  /** The lines of the inventory that was judged last, as far as a message can hold them; read in slices. */
  async linesOf(peer: Peer): Promise<InventoryLines> {
    const { responder, facts } = this;
    const { lines: inventory, room } = textLines(responder, peer, facts.inventory);
    const lines: string[] = [];
    let octets = 0;
    try {
      for (const line of inventory.each) {
        lines.push(line);
        octets += line.length;
        if (octets > room) break;
        if (lines.length % LINES_A_SLICE === 0) await facts.pause();
      }
    } catch {
      throw new ExplainError('too much changes while the inventory is read; ask again');
    }
    return { lines, count: inventory.count, room };
  }

  private judge(packet: Uint8Array, peer: Peer, wait: number): void {
    this.responder.view.refresh();
    this.decider.trace.begin();
    this.responder.judge(packet, 0, packet.length, peer, wait);
  }

  private encode(peer: Peer, inventory: InventoryLines | undefined): Uint8Array | undefined {
    const { responder, out } = this;
    if (responder.decision.outcome !== decision.OUTCOME_TEXT)
      return out.slice(0, responder.encode(peer, out, 0));
    if (inventory === undefined) return undefined;
    const { lines, count, room } = inventory;
    const texts = packTexts({ each: lines, count }, room);
    return out.slice(0, responder.encode(peer, out, 0, texts));
  }
}
