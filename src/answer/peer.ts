/** Who asks, and on which listener: what a transport knows of a packet besides its bytes. */

/** One address and port to listen on, with the scope that fixes who its clients are. */
export interface Listener {
  /** Small number, unique among the listeners that the server has now. */
  id: number;
  /** `127.0.0.1:5300@aep/nextcloud`, as configured. */
  text: string;
  /** Without brackets: `::1`, `0.0.0.0`, `fe80::1%eth0`. */
  address: string;
  port: number;
  /** '' when the listener has no scope. */
  vpc: string;
  /** '' when the scope is a whole VPC. */
  namespace: string;
}

/** Transports reuse one for every packet that is answered at once; addresses are 16 octets, IPv4 as ::ffff:a.b.c.d. */
export interface Peer {
  address: Uint8Array;
  port: number;
  /** The address that was asked: the destination of the packet. */
  local: Uint8Array;
  listener: Listener;
  tcp: boolean;
}

/** One that outlives the packet. */
export function copyPeer({ address, port, local, listener, tcp }: Peer): Peer {
  return { address: address.slice(), port, local: local.slice(), listener, tcp };
}
