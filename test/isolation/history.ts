/**
 * Two worlds with one tenant in common. Red has the same history in both, and restarts and lists come at the same time;
 * what the other tenants have, claim and ask is another history in each. Nothing that red is told may differ.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arpaName, encodeQuery } from '../harness/build.ts';
import { parseWire } from '../harness/wire.ts';
import { Node, Plane, relayed, type Deed } from '../properties/truth-world.ts';
import type { ServerOptions } from '../../src/server/options.ts';

/** What another tenant's pod asks. */
export interface Load {
  vpc: string;
  address: string;
  name: string;
  type: string;
}

export type Happening =
  /** One revision of red's. */
  | { what: 'red'; deeds: Deed[] }
  /** Revisions of the others in the one world, and in the other. */
  | { what: 'others'; left: Deed[][]; right: Deed[][] }
  /** Red's deeds and those of others: one revision in the left world, two in the right one. */
  | { what: 'together'; red: Deed[]; others: Deed[] }
  /** Others ask in the right world alone. */
  | { what: 'load'; asks: Load[] }
  | { what: 'restart' | 'list' | 'reread' | 'reverse' };

/** Red's state at the start, and revisions of the others that follow it in each world. */
export interface Beginning {
  red: Deed[];
  left: Deed[][];
  right: Deed[][];
}

/** What is asked for red. */
export interface Ask {
  name: string;
  type: string;
  address: string;
  scope: string;
  tcp: boolean;
}

export const OUTSIDE = ['one.example.com', 'two.example.com'];

const NAMES = ['a', 'b', 'svc', 'a.n', 'a.m', 'b.n.vpc.internal', 'nosuch.m', 'n', 'id-a.a', 'a.a'];
const INVENTORY: Ask = {
  ...{ name: '_pods.n.vpc.internal', type: 'TXT', address: 'fd00:1::1', scope: '', tcp: true },
};
const OWN_PREFIX = 'fd00:1';

/** All that red's clients are asked, in every order of names and clients. */
export function* battery(): Generator<Ask> {
  const clients: [address: string, scope: string][] = [
    ['fd00:1::1', ''],
    ['fd00:1::2', ''],
    ['fd00:1::1', 'red'],
    ['fd00:1::3', 'red/m'],
    ['10.0.0.1', 'red'],
    ['10.0.0.2', 'red/n'],
  ];
  const questions: [name: string, type: string][] = [
    ...NAMES.flatMap((name): [string, string][] => [
      [name, 'AAAA'],
      [name, 'A'],
    ]),
    ['_http._tcp.a', 'SRV'],
    ['_http._tcp.svc.n', 'SRV'],
    ['a', 'ANY'],
    ['vpc.internal', 'SOA'],
    ['n.vpc.internal', 'NS'],
    ['_whoami.vpc.internal', 'TXT'],
    ...[1, 2, 3].map((host): [string, string] => [arpaName(`${OWN_PREFIX}::${host}`), 'PTR']),
    [arpaName('fd00:1:5::1'), 'PTR'],
    [arpaName('fd00:1:2::1'), 'PTR'],
    [arpaName('fd00:2::1'), 'PTR'],
    ...[1, 2, 9].map((host): [string, string] => [arpaName(`10.0.0.${host}`), 'PTR']),
    ['blue.n', 'AAAA'],
    ['x.example.com', 'MX'],
    ...OUTSIDE.map((name): [string, string] => [name, 'A']),
  ];
  for (const [address, scope] of clients)
    for (const [name, type] of questions) yield { name, type, address, scope, tcp: type === 'TXT' };
}

/** An upstream of one world. */
export interface Upstream {
  text: string;
  asked(): number;
}

const SECRET = Uint8Array.from({ length: 16 }, (_, index) => index);

export class World {
  readonly plane: Plane;
  live!: Node;
  saved!: Node;
  reader!: Node;
  private readonly folder = mkdtempSync(join(tmpdir(), 'podns-history-'));
  private readonly upstream: Upstream;
  private readonly nodes: Node[] = [];

  constructor(kind: 'etcd' | 'ages', upstream: Upstream) {
    this.plane = new Plane(kind, 0n);
    this.upstream = upstream;
  }

  /** Red's claims are the elder ones: an elder claim of another tenant is no attack but the rule. */
  async open(red: Deed[], others: Deed[][]): Promise<void> {
    for (const deeds of [red, ...others]) this.plane.change(deeds);
    this.live = await this.start('');
    this.saved = await this.start(this.folder);
    const reach = (): string => this.live.server.subscribers.watchServer.revision;
    this.reader = new Node([{ ...relayed(this.live.server), reach }], '', this.options());
    await this.begin(this.reader);
  }

  async close(): Promise<void> {
    for (const node of this.nodes.splice(0).reverse()) await node.server.close(0);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async change(revisions: Deed[][]): Promise<void> {
    for (const deeds of revisions) {
      this.plane.change(deeds);
      await this.settle();
    }
  }

  async happen(what: 'restart' | 'list' | 'reread' | 'reverse'): Promise<void> {
    if (what === 'reverse') this.plane.reverse();
    else if (what === 'list') await this.live.again();
    else if (what === 'reread') await this.reader.again();
    else {
      await this.saved.server.close(0);
      this.nodes.splice(this.nodes.indexOf(this.saved), 1);
      this.saved = await this.start(this.folder);
    }
    await this.settle();
  }

  /** Others ask; what they are told is theirs. */
  async load(asks: Load[]): Promise<void> {
    for (const { vpc, address, name, type } of asks)
      for (const { server } of [this.live, this.saved, this.reader])
        await server.answer(encodeQuery({ name, type }), { address, scope: vpc, tcp: true });
  }

  /** Everything that red is told by this node: octets, whether at once, from an upstream or not, and the explanation. */
  async told(node: Node, ask: Ask, explained: boolean): Promise<string[]> {
    const { name, type, ...client } = ask;
    const before = this.upstream.asked();
    const answered = node.server.answer(encodeQuery({ name, type, edns: {} }), client);
    const way = answered instanceof Promise ? 'later' : 'at once';
    const answer = await answered;
    const told = [way, this.upstream.asked() > before ? 'forwarded' : 'from here'];
    // What was cached in one world a moment before the other may have a second less to live. (No AA: from an upstream.)
    const isOutside = answer !== undefined && (answer[2]! & 0x04) === 0 && (answer[3]! & 15) === 0;
    if (isOutside) {
      const { rcode, answer: records } = parseWire(answer);
      told.push(`${rcode}`, ...records.map(({ text }) => text));
    } else told.push(Buffer.from(answer ?? []).toString('hex'));
    if (explained && !isOutside) {
      const listener = `127.0.0.1:53${ask.scope === '' ? '' : `@${ask.scope}`}`;
      const explanation = await node.server
        .explain({ name, type, from: ask.address, listener, tcp: ask.tcp, id: 1 })
        .catch((error: Error) => error.message);
      told.push(JSON.stringify(explanation, (key, value: unknown) => this.mask(key, value)));
    }
    return told;
  }

  /** The revision of a source that tenants share moves with what others do: people see it, pods do not. */
  private mask(key: string, value: unknown): unknown {
    if (key === 'revision' || key === 'age' || key === 'seconds') return '…';
    return typeof value === 'string' ? value.replaceAll(this.upstream.text, 'UPSTREAM') : value;
  }

  async settle(): Promise<void> {
    for (const node of [this.live, this.saved, this.reader]) await node.settle();
  }

  private async start(state: string): Promise<Node> {
    const feed = { ...this.plane.source('plane', state !== ''), reach: () => String(this.plane.revision) };
    const node = new Node([feed], state, this.options());
    return this.begin(node);
  }

  private async begin(node: Node): Promise<Node> {
    await node.server.start();
    this.nodes.push(node);
    await node.settle();
    return node;
  }

  private options(): ServerOptions {
    return {
      config: {
        forward: 'on',
        upstreams: [this.upstream.text],
        podHold: 1,
        podGrace: 0,
        nodeName: 'node',
      },
      cookieSecret: SECRET,
    };
  }
}

/** Runs a history in both worlds; undefined, or where red was told two things. */
export async function compare(
  [left, right]: readonly [World, World],
  history: readonly Happening[],
  first: Beginning,
): Promise<string | undefined> {
  await left.open(first.red, first.left);
  await right.open(first.red, first.right);
  const asks = [...battery()];
  for (let step = 0; step <= history.length; step++) {
    const isLast = step === history.length;
    if (!isLast) await happen(left, right, history[step]!);
    // At the end everything; after each step a part of it, another one each time.
    const some = isLast ? asks : asks.filter((_, i) => i % 11 === step % 11);
    // Right after what others have asked: lists are limited by rate, for each VPC.
    if (!isLast && history[step]!.what === 'load') some.unshift(INVENTORY);
    for (const which of ['live', 'saved', 'reader'] as const)
      for (const ask of some) {
        const explained = isLast && which === 'live';
        const one = await left.told(left[which], ask, explained);
        const two = await right.told(right[which], ask, explained);
        if (JSON.stringify(one) === JSON.stringify(two)) continue;
        const at = one.findIndex((part, i) => part !== two[i]);
        return [
          `After ${step === 0 ? 'the start' : `step ${Math.min(step, history.length)}`}, ${asker(ask)} asks the ${which} node for ${ask.name} ${ask.type}.`,
          `It is told in the left world: ${around(one[at]!, two[at] ?? '')}`,
          `and in the right one: ${around(two[at] ?? '', one[at]!)}`,
        ].join('\n');
      }
  }
  return undefined;
}

async function happen(left: World, right: World, happening: Happening): Promise<void> {
  if (happening.what === 'red') {
    await left.change([happening.deeds]);
    await right.change([happening.deeds]);
  } else if (happening.what === 'others') {
    await left.change(happening.left);
    await right.change(happening.right);
  } else if (happening.what === 'together') {
    const { red, others } = happening;
    await left.change([[...others, ...red]]);
    await right.change([others, red]);
  } else if (happening.what === 'load') await right.load(happening.asks);
  else {
    await left.happen(happening.what);
    await right.happen(happening.what);
  }
}

/** The part of a text where it differs from another. */
function around(text: string, other: string): string {
  let at = 0;
  while (at < text.length && text[at] === other[at]) at++;
  const from = Math.max(0, at - 120);
  return `${from > 0 ? '…' : ''}${text.slice(from, at + 200)}`;
}

function asker({ address, scope }: Ask): string {
  return `${address}${scope === '' ? '' : ` on the listener of ${scope}`}`;
}

const EVENTS: Record<string, string> = {
  restart: 'In both worlds, the node with a saved view restarts.',
  list: 'In both worlds, the live node lists anew.',
  reread: 'In both worlds, the reader of the live node begins anew.',
  reverse: 'In both worlds, the source is restored: it lists in another order, and nobody can go on.',
};

/** A history as sentences. */
export function story(history: readonly Happening[], { red, left, right }: Beginning): string {
  const lines = [
    `0. At the start, both worlds have: ${sentences(red)}.`,
    `   Then the left one has: ${sentences(left.flat())}.`,
    `   The right one has: ${sentences(right.flat())}.`,
  ];
  history.forEach((happening, i) => {
    const number = `${i + 1}. `;
    if (happening.what === 'red') lines.push(`${number}In both worlds: ${sentences(happening.deeds)}.`);
    else if (happening.what === 'others') {
      const { left, right } = happening;
      for (const [world, revisions] of [
        ['left', left],
        ['right', right],
      ] as const)
        for (const deeds of revisions) lines.push(`${number}In the ${world} world: ${sentences(deeds)}.`);
    } else if (happening.what === 'together') {
      const { red, others } = happening;
      lines.push(`${number}In the left world at once, in the right one after another: ${sentences(others)};`);
      lines.push(`   then ${sentences(red)}.`);
    } else if (happening.what === 'load') {
      const asked = happening.asks.map(
        ({ vpc, address, name, type }) => `${name} ${type} by ${address} of ${vpc}`,
      );
      lines.push(`${number}In the right world, others ask: ${asked.join(', ')}.`);
    } else lines.push(`${number}${EVENTS[happening.what]}`);
  });
  return lines.join('\n');
}

const HOW: Record<Deed['how'], string> = {
  put: 'is written',
  again: 'is written again as it is',
  break: 'is written with something that is not valid',
  delete: 'is deleted',
};

function sentences(deeds: readonly Deed[]): string {
  const each = deeds.map(({ object, how, stamp }) => {
    const facts: string[] = [];
    if (object.kind === 'vpc')
      facts.push(`net6 ${object.net6.join(' ')}`, `forward ${String(object.forward)}`);
    if (object.kind === 'pod' || object.kind === 'service') facts.push(object.ip6 ?? 'no ip6');
    if (object.kind === 'pod') facts.push(...object.overlays.map(({ ip4 }) => ip4 ?? 'no ip4'));
    if (stamp !== undefined) facts.push(`stamp ${stamp}`);
    const name =
      object.kind === 'vpc'
        ? object.name
        : `${object.vpc}/${'namespace' in object ? object.namespace : ''}/${object.name}`;
    return `${object.kind} ${name} ${HOW[how]}${how === 'delete' ? '' : ` (${facts.join(', ')})`}`;
  });
  return each.length === 0 ? 'nothing' : each.join(', ');
}
