import type { ChildProcess } from 'node:child_process';
import type { Counts } from './load.mjs';

/** How a process has ended. */
export interface Ending {
  code: number | null;
  signal: string | null;
}

export interface Plan {
  port: number;
  rate: number;
  connections: number;
  takeovers: number;
  reloads: number;
  workers: number;
  configurations: number;
  pause?: number;
}

export interface Report {
  udp: Counts;
  tcp: Counts;
  rate: number;
  seconds: number;
  endings: Ending[];
  text: string;
}

export class Succeeding {
  serving: ChildProcess;
  text: string;
  constructor(folder: string);
  start(flags: string[]): Promise<void>;
  takeover(flags: string[], environment?: Record<string, string>): Promise<Ending | undefined>;
  end(): Promise<Ending[]>;
  kill(): void;
}

export function prove(plan: Plan): Promise<Report>;
