/** What the reference model answers with, and how it keys names. */
import type { Pod, Service } from '../../src/model.ts';

/** `answer` holds `TYPE rdata`; `soa` is the owner in authority, undefined where there is none. */
export interface ReferenceReply {
  rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED' | 'SERVFAIL';
  answer: string[];
  soa?: string;
  /** The answer is one SOA, owned by the question. */
  soaAnswer?: boolean;
  ede?: number;
  held?: boolean;
  /** TXT and other answers whose text the spec leaves open. */
  open?: boolean;
  /** An outside name that would leave. */
  outside?: boolean;
}

export interface Found {
  services: Service[];
  pods: Pod[];
}

export const NOTHING: ReferenceReply = { rcode: 'NOERROR', answer: [] };

/** One key for a list of labels in which a dot inside a label differs from a boundary. */
export function joined(labels: string[]): string {
  return labels.map((label) => label.replaceAll('.', '\\.')).join('.');
}
