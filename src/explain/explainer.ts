/** Puts an explanation together, in slices of work between which everything else goes on. */
import { randomInt } from 'node:crypto';
import * as reason from '../answer/decide/reasons.ts';
import { payloadLimit } from '../answer/encode/encode.ts';
import type { Peer } from '../answer/peer.ts';
import { formatAddress, parseAddress } from '../dns/address.ts';
import { reverseText } from '../dns/arpa.ts';
import { buildQuery } from '../dns/build.ts';
import { TYPE_A, TYPE_AAAA, TYPE_PTR, UDP_PAYLOAD_MAX } from '../dns/constants.ts';
import { NameError } from '../dns/name.ts';
import { FLAG_TC, flagsOf } from '../dns/flags.ts';
import { parseMessage, recordText, skimMessage } from '../dns/print.ts';
import type { Message, Skimmed } from '../dns/print.ts';
import { edeText, rcodeText, typeNumber, typeText } from '../dns/text.ts';
import { keyOfRecord, vpcName } from '../trie/read/names.ts';
import { Asker } from './ask.ts';
import type { Asked } from './ask.ts';
import { explainCandidates } from './candidates.ts';
import { explainClient, has } from './client.ts';
import type { AnswerExplained, Explanation, QuestionExplained, ReasonExplained } from './explanation.ts';
import { ExplainError } from './facts.ts';
import type { ExplainAsk, ExplainFacts } from './facts.ts';
import { addressesOf, resolveFrom } from './from.ts';
import { nearMisses } from './near.ts';
import { explainResolvers } from './resolvers.ts';
import type { Look, Looked, PodView } from './resolvers.ts';
import { labelsText } from './trace.ts';

/** Records of one section that are written out; the message has them all. */
const RECORDS_MAX = 64;

/** Octets of an answer that takes a slice of work of its own to read. */
const LONG = 8192;

interface Question {
  name: string;
  type: number;
  /** The client's EDNS payload, 0 without EDNS. */
  size: number;
  isAddress: boolean;
}

/** A question as a client would send it, with the client and the listener that `ask` means. */
export interface Prepared {
  packet: Uint8Array;
  peer: Peer;
  isOpen: boolean;
  question: Question;
}

export class Explainer {
  private readonly facts: ExplainFacts;
  private readonly asker: Asker;

  constructor(facts: ExplainFacts) {
    this.facts = facts;
    this.asker = new Asker(facts);
  }

  /** Rejects with an ExplainError where the question or the client is none. */
  async prepare(ask: ExplainAsk): Promise<Prepared> {
    const question = questionOf(ask);
    const packet = packetOf(question, ask.id);
    const { peer, isOpen } = await resolveFrom(this.facts, this.asker.responder, ask);
    return { packet, peer, isOpen, question };
  }

  /** As `prepare`; asks nobody, waits for nothing. */
  async explain(ask: ExplainAsk): Promise<Explanation> {
    const { packet, peer, isOpen, question } = await this.prepare(ask);
    const { asker } = this;
    let asked = asker.ask(packet, peer);
    const lines = asker.composes ? await asker.linesOf(peer) : undefined;
    if (lines !== undefined) asked = asker.ask(packet, peer, lines);
    let read = readAnswer(asked.answer);
    if (read.isLong) {
      // That took a slice; the view may be another after it, and so may the answer.
      await this.facts.pause();
      const before = asked.answer!;
      asked = asker.ask(packet, peer, lines);
      if (asked.answer === undefined || Buffer.compare(asked.answer, before) !== 0)
        read = readAnswer(asked.answer);
    }
    // From here to the next `await` the responder holds this question.
    const explanation = this.write(asked, read, packet, peer, isOpen, ask.operator === true);
    const missed = this.missed(explanation);
    const pod = this.podView(peer);
    await this.facts.pause();
    if (!question.isAddress && (question.type === TYPE_A || question.type === TYPE_AAAA)) {
      explanation.resolvers = await explainResolvers(ask.name, pod, this.lookFor(peer));
    }
    if (missed !== undefined) {
      const { view } = asker.responder;
      explanation.near = await nearMisses(this.facts, view, { ...missed, operator: ask.operator === true });
    }
    return explanation;
  }

  private write(
    asked: Asked,
    { skimmed, rdata }: ReadAnswer,
    packet: Uint8Array,
    peer: Peer,
    isOpen: boolean,
    operator: boolean,
  ): Explanation {
    const { facts } = this;
    const { responder, decider } = this.asker;
    const { settings, catalog } = facts;
    const { query, decision: d } = responder;
    const message = skimmed?.message;
    const client = explainClient({ responder, peer, isOpen, settings, catalog, operator });
    const reading = decider.trace.end(d);
    const isPlaced = client.status === 'known' || client.status === 'pod-unknown';
    const { list, more, reasons } = isPlaced
      ? explainCandidates(facts, responder, decider.trace.record, rdata)
      : { list: [], more: 0, reasons: [] };
    return {
      question: questionExplained(message, packet, query.qtype, peer.tcp, payloadLimit(query, peer.tcp)),
      client,
      reading,
      reasons: [...d.reasons.subarray(0, d.reasonCount), ...reasons].map(reasonExplained),
      candidates: list,
      moreCandidates: more,
      outside: asked.outside ?? null,
      answer: answerExplained(asked, skimmed),
      resolvers: [],
      near: [],
    };
  }

  /** What the question was without a suffix of podns, where nothing was found for it; undefined otherwise. */
  private missed(explanation: Explanation): { labels: string[]; vpc: string; namespace: string } | undefined {
    const { query, decision: d, client, view } = this.asker.responder;
    const { answer } = explanation;
    const isMissing = has(d, reason.NO_SUCH_NAME) || has(d, reason.READ_OUTSIDE);
    const isReverse = has(d, reason.READ_REVERSE);
    if (client.vpc === 0 || isReverse || !isMissing) return undefined;
    if (answer.outcome === 'answered' && answer.rcode !== 'NXDOMAIN') return undefined;
    const zone = this.facts.settings.zone.split('.').length;
    const whole = labelsText(query, 0, query.labelCount);
    const isUnder = whole === this.facts.settings.zone || whole.endsWith(`.${this.facts.settings.zone}`);
    const end = isUnder ? query.labelCount - zone : query.labelCount;
    const labels: string[] = [];
    for (let i = 0; i < end; i++) labels.push(labelsText(query, i, i + 1));
    return {
      labels,
      vpc: vpcName(view, client.vpc),
      namespace: client.namespace === 0 ? '' : view.labelText(client.namespace),
    };
  }

  /** What the resolvers of the client know; of one that nobody knows, no search list. */
  private podView(peer: Peer): PodView {
    const { client, view } = this.asker.responder;
    const pod =
      client.vpc === 0 || client.pod === 0
        ? undefined
        : this.facts.catalog.get(keyOfRecord(view, client.pod));
    const zone = this.facts.settings.zone;
    return {
      search: client.vpc === 0 || client.namespace === 0 ? '' : `${view.labelText(client.namespace)}.${zone}`,
      sources: pod?.kind === 'pod' ? addressesOf(pod) : [formatAddress(peer.address, 0)],
    };
  }

  /** Asks as a resolver does: over UDP, then over TCP where the answer was cut. */
  private lookFor(peer: Peer): Look {
    const udp = { ...peer, tcp: false };
    const tcp = { ...peer, tcp: true };
    return async (name, type, edns) => {
      await this.facts.pause();
      const question = { name, type: type === 'A' ? TYPE_A : TYPE_AAAA, size: edns ? UDP_PAYLOAD_MAX : 0 };
      const packet = packetOf(question, 0);
      let { outcome, answer } = this.asker.ask(packet, udp);
      if (answer !== undefined && (flagsOf(answer) & FLAG_TC) !== 0)
        ({ outcome, answer } = this.asker.ask(packet, tcp));
      if (answer === undefined) return nothing(outcome === 'forwarded' ? 'forwarded' : 'nothing');
      return looked(answer);
    };
  }
}

interface ReadAnswer {
  skimmed: Skimmed | undefined;
  /** Of all its records, see `skimMessage`. */
  rdata: Set<string>;
  isLong: boolean;
}

function readAnswer(answer: Uint8Array | undefined): ReadAnswer {
  const rdata = new Set<string>();
  if (answer === undefined) return { skimmed: undefined, rdata, isLong: false };
  return { skimmed: skimMessage(answer, RECORDS_MAX, rdata), rdata, isLong: answer.length > LONG };
}

function questionOf({ name, type, size = UDP_PAYLOAD_MAX }: ExplainAsk): Question {
  const octets = new Uint8Array(16);
  const isAddress = parseAddress(name, octets, 0) !== 0 && type === undefined;
  const number = type === undefined ? (isAddress ? TYPE_PTR : TYPE_AAAA) : typeNumber(type);
  if (number < 0) throw new ExplainError(`"${type}" is not a DNS record type, such as AAAA, SRV or TYPE65`);
  if (!Number.isInteger(size) || size < 0 || size > 65535)
    throw new ExplainError('size: a whole number from 0 to 65535 is expected');
  return { name: isAddress ? reverseText(octets) : name, type: number, size, isAddress };
}

function packetOf({ name, type, size }: Omit<Question, 'isAddress'>, id = randomInt(0x10000)): Uint8Array {
  try {
    return buildQuery({ name, type, id, ...(size === 0 ? {} : { edns: { size } }) });
  } catch (error) {
    if (error instanceof NameError) throw new ExplainError(error.message);
    throw error;
  }
}

function questionExplained(
  message: Message | undefined,
  packet: Uint8Array,
  type: number,
  tcp: boolean,
  size: number,
): QuestionExplained {
  const { question } = message ?? parseMessage(packet);
  return {
    name: question?.name ?? '.',
    type: typeText(question?.type ?? type),
    protocol: tcp ? 'tcp' : 'udp',
    size,
  };
}

function reasonExplained(code: number): ReasonExplained {
  return { code, text: reason.REASON_TEXTS[code] ?? '' };
}

function answerExplained({ outcome, answer }: Asked, skimmed: Skimmed | undefined): AnswerExplained {
  const wire = answer === undefined ? '' : Buffer.from(answer).toString('base64');
  const none = { records: [], moreRecords: 0, authority: [], additional: [], moreAdditional: 0 };
  if (skimmed === undefined) return { outcome, rcode: null, flags: '', ttl: null, ...none, ede: null, wire };
  const { message, unread } = skimmed;
  const { aa, tc, rd, ra, ad, cd } = message;
  const flags = Object.entries({ aa, tc, rd, ra, ad, cd }).filter(([, set]) => set);
  const [error] = message.edns?.errors ?? [];
  const [first] = [...message.answer, ...message.authority];
  return {
    outcome,
    rcode: rcodeText(message.rcode),
    flags: flags.map(([name]) => name).join(' '),
    ttl: first?.ttl ?? null,
    records: message.answer.map(recordText),
    moreRecords: unread[0],
    authority: message.authority.map(recordText),
    additional: message.additional.map(recordText),
    moreAdditional: unread[2],
    ede: error === undefined ? null : { code: error.code, purpose: edeText(error.code), text: error.text },
    wire,
  };
}

function nothing(rcode: string): Looked {
  return { rcode, addresses: [], more: 0 };
}

function looked(answer: Uint8Array): Looked {
  const { message, unread } = skimMessage(answer, RECORDS_MAX);
  const addresses = message.answer.filter(({ type }) => type === TYPE_A || type === TYPE_AAAA);
  return { rcode: rcodeText(message.rcode), addresses: addresses.map(({ data }) => data), more: unread[0] };
}
