/** Asks, as every class of client of each VPC, for everything that the other VPCs have, and reads the answers. */
import { WAIT_OVER } from '../answer/decide/client.ts';
import * as decision from '../answer/decide/decision.ts';
import type { Peer } from '../answer/peer.ts';
import { Responder } from '../answer/responder.ts';
import { formatAddress } from '../dns/address.ts';
import { TYPE_A, TYPE_AAAA, TYPE_PTR, TYPE_SRV } from '../dns/constants.ts';
import { parseMessage, type ResourceRecord } from '../dns/print.ts';
import { typeText } from '../dns/text.ts';
import type { Vpc } from '../model.ts';
import { View } from '../trie/read/view.ts';
import type { IsolationFacts, ProofEnd, ProofLine, Violation } from './facts.ts';
import { bearersOf, clientsOf, octetsText, ownOf, targetsOf, vpcsOf } from './tenant.ts';
import type { Own, ProofClient, Sample, Target } from './tenant.ts';

/** Pairs that are asked unless somebody wants more: a few seconds of work. */
export const PROOF_LIMIT = 1_000_000;
/** Questions that are kept ready; of more, every second one is left out, and again. */
const TARGETS_MAX = 200_000;
/** Namespaces of one VPC that have a client of their own. */
const NAMESPACES_MAX = 256;
/** Violations after which the proof ends: it has failed. */
const VIOLATIONS_MAX = 100;
/** Milliseconds of work in one slice, and questions between two looks at the clock. */
const SLICE = 4;
const LOOK_AFTER = 32;
/** Milliseconds between two lines of progress. */
const PROGRESS = 500;
const TRUNCATED = 0x02;

interface Tenant {
  vpc: Vpc;
  clients: ProofClient[];
  /** Questions that others can ask for it, in all. */
  targets: number;
}

export async function* proveIsolation(
  facts: IsolationFacts,
  limit = PROOF_LIMIT,
): AsyncGenerator<ProofLine, void> {
  const began = performance.now();
  const proof = new Proof(facts, limit);
  await proof.prepare();
  for (const tenant of proof.tenants) {
    for await (const line of proof.ask(tenant)) yield line;
    if (proof.end.stopped) break;
  }
  yield { ...proof.end, seconds: Math.round(performance.now() - began) / 1000 };
}

class Proof {
  readonly tenants: Tenant[] = [];
  readonly end: ProofEnd;
  private readonly facts: IsolationFacts;
  private readonly responder: Responder;
  private readonly out = new Uint8Array(65535);
  private targets: Target[] = [];
  /** Of `targets` among all questions, and of the pairs that are asked among those of `targets`. */
  private stride = 1;
  private step = 1;
  private carry = 0;
  private ids = 0;
  private reported = performance.now();
  private sliceBegan = performance.now();

  constructor(facts: IsolationFacts, limit: number) {
    this.facts = facts;
    // Nobody is flooded with these refusals.
    const refusals = { allow: () => true };
    this.responder = new Responder(new View(facts.memory), facts.settings, () => facts.seconds(), {
      refusals,
    });
    const zero = { pairs: 0, of: 0, vpcs: 0, clients: 0, violations: 0, outside: 0, seconds: 0 };
    this.end = { type: 'end', ...zero, limit, stopped: false };
  }

  /** Finds the clients and the questions. */
  async prepare(): Promise<void> {
    const { facts, end } = this;
    // A listener's number leads to what its scope means, in this responder alone.
    for (const { id } of facts.listeners()) this.ids = Math.max(this.ids, id + 1);
    let all = 0;
    for (const vpc of await vpcsOf(facts)) {
      const samples = new Map<string, Sample>();
      let targets = 0;
      for await (const bearer of bearersOf(facts, vpc.name)) {
        if (bearer.kind === 'pod') addSample(samples, bearer);
        for (const target of targetsOf(bearer, facts.settings.zone)) {
          targets++;
          if (all++ % this.stride === 0) this.targets.push(target);
        }
        if (this.targets.length > TARGETS_MAX) {
          this.targets = this.targets.filter((_, i) => i % 2 === 0);
          this.stride *= 2;
        }
        await this.rest();
      }
      const clients = clientsOf(facts, vpc, [...samples.values()], () => this.ids++);
      this.tenants.push({ vpc, clients, targets });
      end.clients += clients.length;
    }
    for (const { clients, targets } of this.tenants) end.of += clients.length * (all - targets);
    end.vpcs = this.tenants.length;
    const kept = this.stride === 1 ? end.of : end.clients * this.targets.length;
    this.step = Math.max(1, Math.ceil(kept / end.limit));
  }

  async *ask({ vpc, clients }: Tenant): AsyncGenerator<ProofLine> {
    const { facts, targets, end } = this;
    let own = await ownOf(facts, vpc);
    for (const client of clients) {
      let i = this.carry;
      for (; i < targets.length; i += this.step) {
        const target = targets[i]!;
        if (target.vpc === vpc.name) continue;
        end.pairs++;
        let given = this.foreign(client, target, own);
        if (given !== undefined) {
          // The view goes on while this reads it: what has come since then is its own too.
          own = await ownOf(facts, vpc);
          given = this.foreign(client, target, own);
        }
        if (given !== undefined) {
          end.violations++;
          yield violation(vpc, client, target, given);
          if (end.violations >= VIOLATIONS_MAX) {
            end.stopped = true;
            return;
          }
        }
        if (end.pairs % LOOK_AFTER !== 0) continue;
        await this.rest();
        if (performance.now() - this.reported < PROGRESS) continue;
        this.reported = performance.now();
        yield { type: 'progress', pairs: end.pairs, of: Math.min(end.of, end.limit), vpc: vpc.name };
      }
      // The next client goes on where this one's steps would have led.
      this.carry = i - targets.length;
      await this.rest();
    }
  }

  /** What of the answer is not the client's own; undefined where all is. */
  private foreign(client: ProofClient, target: Target, own: Own): ResourceRecord | undefined {
    const { out } = this;
    let length = this.answer(target.packet, client.peer);
    if (length === 0) return undefined;
    if ((out[2]! & TRUNCATED) !== 0) length = this.answer(target.packet, { ...client.peer, tcp: true });
    // Without an answer there is only a SOA, and the OPT record.
    if (out[6] === 0 && out[7] === 0) return undefined;
    const { answer, authority, additional } = parseMessage(out.subarray(0, length));
    const { zone } = this.facts.settings;
    const isOwn = (record: ResourceRecord): boolean => isOwnRecord(record, own, zone, target);
    // The name of the server itself leads to the address that was asked.
    const local = octetsText(formatAddress(client.peer.local, 0));
    return [...answer, ...authority, ...additional].find(
      (record) => !isOwn(record) && String.fromCharCode(...record.rdata) !== local,
    );
  }

  /** By the same deciding and encoding as on the wire. An unknown pod is taken for one that stays unknown. */
  private answer(packet: Uint8Array, peer: Peer): number {
    const { responder, out } = this;
    responder.view.refresh();
    responder.judge(packet, 0, packet.length, peer, WAIT_OVER);
    const { outcome } = responder.decision;
    if (outcome === decision.OUTCOME_ANSWER) return responder.encode(peer, out, 0);
    if (outcome === decision.OUTCOME_OUTSIDE) this.end.outside++;
    return 0;
  }

  private async rest(): Promise<void> {
    if (performance.now() - this.sliceBegan < SLICE) return;
    await this.facts.pause();
    this.sliceBegan = performance.now();
  }
}

function addSample(
  samples: Map<string, Sample>,
  pod: { namespace: string; name: string } & SampleAddresses,
): void {
  const { namespace, name, ip6, overlays } = pod;
  const sample = samples.get(namespace);
  if (sample === undefined && samples.size >= NAMESPACES_MAX) return;
  const ip4 = overlays.find((each) => each.ip4 !== undefined)?.ip4;
  if (sample === undefined) samples.set(namespace, { namespace, pod: name, ip6, ip4 });
  else if (sample.ip6 === undefined && sample.ip4 === undefined)
    Object.assign(sample, { pod: name, ip6, ip4 });
}

interface SampleAddresses {
  ip6?: string;
  overlays: readonly { ip4?: string }[];
}

function isOwnRecord({ type, data, rdata }: ResourceRecord, own: Own, zone: string, target: Target): boolean {
  if (type === TYPE_A || type === TYPE_AAAA) return own.addresses.has(String.fromCharCode(...rdata));
  if (type === TYPE_PTR)
    return own.addresses.has(octetsText(target.address ?? '')) && isOwnName(data, own, zone);
  if (type === TYPE_SRV) return isOwnName(data.split(' ')[3] ?? '', own, zone);
  return true;
}

/** The name of a pod or service, or of one pod among those that have a name. */
function isOwnName(text: string, { names }: Own, zone: string): boolean {
  const name = text.toLowerCase().replace(/\.$/, '');
  if (!name.endsWith(`.${zone}`)) return name === 'localhost';
  const inside = name.slice(0, -zone.length - 1);
  return inside === 'ns' || names.has(inside) || names.has(inside.slice(inside.indexOf('.') + 1));
}

function violation(vpc: Vpc, client: ProofClient, target: Target, given: ResourceRecord): Violation {
  const { listener } = client.peer;
  const type = typeText(target.type);
  return {
    type: 'violation',
    client: { vpc: vpc.name, class: client.class, address: client.address, listener: listener.text },
    of: { vpc: target.vpc, resource: target.resource },
    question: { name: target.name, type },
    given: `${given.name} ${given.ttl} IN ${typeText(given.type)} ${given.data}`,
    dig: `dig @${listener.address} -p ${listener.port} -b ${client.address} ${target.name} ${type}`,
    explain: `podns explain ${target.name} ${type} --from ${client.address} --listener ${listener.text} --operator`,
  };
}
