/** Looks on while a name is read: the same deciding, with a note for every rule that was tried. */
import type { Client } from '../answer/decide/client.ts';
import { Decider } from '../answer/decide/decide.ts';
import type { Decision } from '../answer/decide/decision.ts';
import * as locate from '../answer/decide/locate.ts';
import { Locator } from '../answer/decide/locate.ts';
import * as reason from '../answer/decide/reasons.ts';
import { SpecialNames } from '../answer/decide/special.ts';
import type { Peer } from '../answer/peer.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import { protocolOf } from '../answer/decide/labels.ts';
import { labelText } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import * as layout from '../trie/layout.ts';
import { vpcName } from '../trie/read/names.ts';
import type { View } from '../trie/read/view.ts';
import type { RuleExplained } from './explanation.ts';

/** The rule that each reason of reading a name speaks of. */
const RULES: Readonly<Record<number, string>> = {
  [reason.READ_ROOT]: 'root',
  [reason.READ_LOCALHOST]: 'localhost',
  [reason.READ_REVERSE]: 'reverse',
  [reason.READ_SUFFIX]: 'suffix',
  [reason.READ_SERVER]: 'server',
  [reason.READ_PORT]: 'port',
  [reason.READ_OWN_NAMESPACE]: 'own-namespace',
  [reason.READ_NAMESPACE]: 'namespace',
  [reason.READ_REPLICA]: 'replica',
  [reason.READ_SHADOW]: 'shadow',
  [reason.READ_OWN_REPLICA]: 'own-replica',
  [reason.READ_BELOW_OWN]: 'below-own-name',
  [reason.READ_HOST]: 'host',
  [reason.READ_INVENTORY]: 'inventory',
  [reason.READ_DOTLESS]: 'dotless',
  [reason.READ_ANCESTOR]: 'ancestor',
  [reason.READ_SPECIAL]: 'special-use',
  [reason.READ_NEVER]: 'never-top-level',
  [reason.READ_OUTSIDE]: 'outside',
};

export class Trace {
  /** The POD, SERVICE, SET, CROWD or OUTSIDE that was found for the name; 0: none. */
  record = 0;
  /** Set while the rest of a port's name is read. */
  of: string | null = null;
  private rules: RuleExplained[] = [];

  begin(): void {
    this.record = 0;
    this.of = null;
    this.rules = [];
  }

  note(rule: string, text: string): void {
    this.rules.push({ rule, fits: false, text, of: this.of });
  }

  /** What was tried; the rules that the decision gives as its reasons fit. */
  end(d: Decision): RuleExplained[] {
    const { rules } = this;
    for (const code of d.reasons.subarray(0, d.reasonCount)) {
      const rule = RULES[code];
      if (rule === undefined) continue;
      const noted = rules.findLast((one) => one.rule === rule && one.of === null) ?? undefined;
      if (noted !== undefined) noted.fits = true;
      else rules.push({ rule, fits: true, text: sentence(reason.REASON_TEXTS[code]!), of: null });
    }
    return rules;
  }
}

/** The labels of the question from `first` to before `end`, as text. */
export function labelsText({ name, labelOffsets }: Query, first: number, end: number): string {
  const labels: string[] = [];
  for (let i = first; i < end; i++) labels.push(labelText(name, labelOffsets[i] + 1, name[labelOffsets[i]]));
  return labels.join('.');
}

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`;
const quoted = (text: string): string => `\`${text}\``;

class TracedSpecialNames extends SpecialNames {
  private readonly trace: Trace;

  constructor(view: View, settings: AnswerSettings, trace: Trace) {
    super(view, settings);
    this.trace = trace;
  }

  override find(query: Query): number {
    const what = super.find(query);
    const { labelCount } = query;
    const suffix = quoted(labelsText(query, labelCount - this.labels, labelCount));
    switch (what) {
      case layout.SPECIAL_LOCALHOST:
        this.trace.note('localhost', 'The name is localhost, or ends in it: always the loopback (RFC 6761).');
        break;
      case layout.SPECIAL_REVERSE4:
      case layout.SPECIAL_REVERSE6:
        this.trace.note('reverse', `It ends in ${suffix}: a reverse name.`);
        break;
      case layout.SPECIAL_SUFFIX:
        this.trace.note('suffix', `It ends in ${suffix}: what comes before that is read inside the VPC.`);
        break;
      case layout.SPECIAL_FLAT:
        this.trace.note('suffix', `It ends in ${suffix}: what comes before that is read in the namespace.`);
        break;
      case 0:
        this.trace.note('special-use', 'It is not localhost, nor a reverse name or a special-use name.');
        this.trace.note('suffix', 'It does not end in a suffix of podns.');
        break;
      default:
        this.trace.note('special-use', `It ends in ${suffix}, a special-use name.`);
    }
    return what;
  }
}

class TracedLocator extends Locator {
  private readonly trace: Trace;

  constructor(view: View, trace: Trace) {
    super(view);
    this.trace = trace;
  }

  override inOwnNamespace(client: Client, query: Query, first: number, end: number): number {
    const result = super.inOwnNamespace(client, query, first, end);
    const name = quoted(labelsText(query, first, end));
    const own = client.namespace === 0 ? '' : `namespace ${this.view.labelText(client.namespace)}`;
    const texts: Record<number, string> = {
      [locate.FOUND]: `${name} is a name in the client's own ${own}.`,
      [locate.EXISTS]: `In the client's own ${own}, ${name} only stands above other names.`,
      [locate.MISSING]:
        own === ''
          ? 'The client has no namespace of its own.'
          : `The client's own ${own} has no name ${name}.`,
      [locate.NEEDS_POD]: "The client's own namespace is not known until its pod is.",
    };
    this.trace.note('own-namespace', texts[result]!);
    return result;
  }

  override inNamedNamespace(client: Client, query: Query, first: number, end: number): number {
    const result = super.inNamedNamespace(client, query, first, end);
    const last = labelsText(query, end - 1, end);
    const before = quoted(labelsText(query, first, end - 1));
    const vpc = vpcName(this.view, client.vpc);
    if (result === locate.FOUND && this.how === reason.READ_REPLICA) {
      const rest = quoted(labelsText(query, first + 1, end - 1));
      const head = quoted(labelsText(query, first, first + 1));
      this.trace.note('replica', `${head} is one of the pods that bear ${rest} in namespace ${last}.`);
      return result;
    }
    const texts: Record<number, string> = {
      [locate.FOUND]: `${before} is a name in namespace ${last}.`,
      [locate.EXISTS]:
        end - first === 1
          ? `${quoted(last)} is a namespace of VPC ${vpc}: it exists, without data.`
          : `In namespace ${last}, ${before} only stands above other names.`,
      [locate.MISSING]: `${quoted(last)} is a namespace of VPC ${vpc}, so the name never leaves podns; but ${last} has no name ${before}.`,
      [locate.SHADOWED]: `Namespace ${last} has no name ${before}, and forwards what it does not have.`,
      [locate.NOT_OURS]: `${quoted(last)} is no namespace of VPC ${vpc}.`,
    };
    this.trace.note(result === locate.SHADOWED ? 'shadow' : 'namespace', texts[result]!);
    return result;
  }

  protected override belowOwnName(query: Query, first: number): number {
    const result = super.belowOwnName(query, first);
    const { ownRecord, ownLabel } = this;
    const head = quoted(labelsText(query, first, ownLabel));
    const own = ownRecord === 0 ? '' : quoted(labelsText(query, ownLabel, query.labelCount));
    if (result === locate.FOUND)
      this.trace.note(
        'own-replica',
        `${head} is one of the pods that bear ${own} in the client's namespace.`,
      );
    else if (result === locate.MISSING) {
      const text = `The name lies below ${own} of the client's namespace, and no pod that bears it is called ${head}.`;
      this.trace.note('below-own-name', text);
    } else if (ownRecord === 0)
      this.trace.note('below-own-name', "It lies below no name of the client's own namespace.");
    else {
      const text = `${own} of the client's namespace is a public top-level domain too: only its replicas lie below it.`;
      this.trace.note('below-own-name', text);
    }
    return result;
  }
}

export class TracedDecider extends Decider {
  readonly trace = new Trace();

  constructor(view: View, settings: AnswerSettings) {
    super(view, settings);
    this.special = new TracedSpecialNames(view, settings, this.trace);
    this.locator = new TracedLocator(view, this.trace);
  }

  override decide(client: Client, query: Query, peer: Peer, d: Decision): void {
    this.trace.begin();
    super.decide(client, query, peer, d);
  }

  protected override port(
    first: number,
    end: number,
    client: Client,
    query: Query,
    d: Decision,
    soa: number,
  ): boolean {
    const { trace } = this;
    const isPort = protocolOf(query, first) >= 0 || (end - first > 2 && protocolOf(query, first + 1) >= 0);
    const rest = first + (protocolOf(query, first) >= 0 ? 1 : 2);
    if (isPort) trace.of = labelsText(query, rest, end);
    const settled = super.port(first, end, client, query, d, soa);
    trace.of = null;
    if (settled) trace.record = d.record === 0 ? this.locator.record : d.record;
    const text = !isPort
      ? 'It does not have the form of a port, _port._proto.NAME.'
      : settled
        ? `It names a port of ${quoted(labelsText(query, rest, end))}.`
        : `It has the form of a port, but ${quoted(labelsText(query, rest, end))} has none of that name.`;
    trace.note('port', text);
    return settled;
  }

  protected override host(located: number, client: Client, query: Query, d: Decision, soa: number): boolean {
    const settled = super.host(located, client, query, d, soa);
    if (settled) this.trace.note('host', 'It stands under hosts, of the VPC or of the configuration.');
    else if (located !== locate.FOUND && located !== locate.NEEDS_POD)
      this.trace.note('host', 'It does not stand under hosts.');
    return settled;
  }

  protected override found(record: number, query: Query, client: Client, d: Decision, soa: number): void {
    this.trace.record = record;
    super.found(record, query, client, d, soa);
  }
}
