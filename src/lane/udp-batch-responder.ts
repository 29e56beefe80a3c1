/** What a worker of the batch lane answers with: a Responder over its own view of the shared trie. */
import * as dns from '../dns/constants.ts';
import * as decision from '../answer/decision.ts';
import type { Peer } from '../answer/peer.ts';
import { Responder } from '../answer/responder.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import type { TrieMemory } from '../trie/memory.ts';
import { View } from '../trie/view.ts';
import type { BatchResponder } from './udp-batch-worker.ts';

export interface ResponderData {
  memory: TrieMemory;
  settings: AnswerSettings;
  /** This worker's number among the readers of the trie; nobody else's while its thread lives. */
  reader: number;
}

/** `BatchOptions.module` of the server; `data` is a ResponderData. */
export const RESPONDER_MODULE = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/lane/udp-batch-responder.js' : import.meta.url,
  import.meta.url,
).href;

class TrieResponder implements BatchResponder {
  readonly #view: View;
  readonly #responder: Responder;
  #seconds = 0;

  constructor({ memory, settings, reader }: ResponderData) {
    this.#view = new View(memory, reader);
    this.#responder = new Responder(this.#view, settings, () => this.#seconds);
  }

  enter(): void {
    this.#seconds = Math.floor(Date.now() / 1000);
    this.#view.enter();
  }

  leave(): void {
    this.#view.leave();
  }

  respond(
    packet: Uint8Array,
    start: number,
    end: number,
    peer: Peer,
    out: Uint8Array,
    outStart: number,
  ): number {
    return this.#responder.respond(packet, start, end, peer, out, outStart);
  }

  overload(peer: Peer, out: Uint8Array, outStart: number): number {
    const { decision: d } = this.#responder;
    d.reset();
    d.fail(dns.RCODE_SERVFAIL, dns.EDE_OTHER, decision.TEXT_BUSY);
    return this.#responder.encode(peer, out, outStart);
  }
}

export function createResponder(data: unknown): BatchResponder {
  return new TrieResponder(data as ResponderData);
}
