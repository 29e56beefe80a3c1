/** Clients of `answer`, which ask without a socket: the peer that a transport would have seen. */
import type { Listener, Peer } from '../answer/peer.ts';
import { parseAddress } from '../dns/address.ts';
import { parseListen } from '../transport/listen.ts';
import type { Transports } from './transports.ts';

/** The client of a call of `answer`. */
export interface AnswerClient {
  /** `fdfd:1a8::2:1` or `10.198.62.20`. */
  address: string;
  port?: number;
  /** `vpc` or `vpc/namespace`: the scope of the listener that would see this client. */
  scope?: string;
  /** The address that the client asked, which is the address of `ns.Z`. */
  local?: string;
  /** True for answers as long as TCP allows. */
  tcp?: boolean;
}

export interface QueryResult {
  /** Undefined where a server would stay silent. */
  answer: Uint8Array | undefined;
  /** The listener that the client would have asked. */
  listener: string;
  milliseconds: number;
}

export class DirectClients {
  private readonly transports: Transports;
  private readonly listeners = new Map<string, Listener>();

  constructor(transports: Transports) {
    this.transports = transports;
  }

  /** Throws TypeError for an invalid address, ListenError for an invalid scope. */
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
