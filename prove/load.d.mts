/** What became of the queries; see load.mjs. */
export interface Counts {
  sent: number;
  answered: number;
  servfail: number;
  other: number;
  lost: number;
  resets: number;
  closed: number;
}

export class UdpLoad {
  counts: Counts;
  constructor(name: string);
  start(port: number, rate: number, clients?: number, host?: string): Promise<void>;
  stop(): Promise<Counts>;
}

export class TcpLoad {
  counts: Counts;
  constructor(name: string);
  start(port: number, connections: number): Promise<void>;
  stop(): Promise<Counts>;
}
