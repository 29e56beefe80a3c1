/** Who asks without a socket: the peer that a transport would have seen. */
import type { Listener, Peer } from '../answer/peer.ts';
import { parseAddress } from '../dns/address.ts';
import { parseListen } from '../transport/listen.ts';
import type { Transports } from './transports.ts';

/** Who asks, for `answer`. */
export interface AnswerClient {
  /** `fdfd:1a8::2:1` or `10.198.62.20`. */
  address: string;
  port?: number;
  /** `vpc` or `vpc/namespace`: as a listener with this scope would see it. */
  scope?: string;
  /** The address that was asked: what `ns.Z` is. */
  local?: string;
  /** Answers may be as long as TCP carries them. */
  tcp?: boolean;
}

export class DirectClients {
  private readonly transports: Transports;
  private readonly listeners = new Map<string, Listener>();

  constructor(transports: Transports) {
    this.transports = transports;
  }

  /** Throws TypeError where an address is none, ListenError where the scope is none. */
  of({ address, port = 53_000, scope = '', local = '127.0.0.1', tcp = false }: AnswerClient): Peer {
    let listener = this.listeners.get(scope);
    if (listener === undefined) {
      const { vpc, namespace } = parseListen(`127.0.0.1:53${scope === '' ? '' : `@${scope}`}`);
      listener = this.transports.virtual({ address: '127.0.0.1', port: 53, vpc, namespace });
      this.listeners.set(scope, listener);
    }
    const peer: Peer = { address: new Uint8Array(16), port, local: new Uint8Array(16), listener, tcp };
    if (parseAddress(address, peer.address, 0) === 0) throw new TypeError(`${address} is not an IP address`);
    if (parseAddress(local, peer.local, 0) === 0) throw new TypeError(`${local} is not an IP address`);
    return peer;
  }
}
