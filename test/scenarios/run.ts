/** Plays a scenario against a server, in the process or over sockets, and returns every fault it found. */
import { isSaid, resourcesOf } from '../harness/fixture.ts';
import { askTcp, UdpClients } from '../harness/client.ts';
import { openSubject, type Subject } from '../harness/subject.ts';
import { Upstream } from '../harness/upstream.ts';
import { nameText } from '../harness/wire-text.ts';
import { parseWire } from '../harness/wire.ts';
import { keyFrom, packetOf, type Case, type Change, type Over, type Scenario } from './format.ts';
import { judge } from './judge.ts';

export interface Way {
  /** `process` calls the library's `answer`; `socket` sends packets. */
  by: 'process' | 'socket';
  over: Over;
  /** Threads of the batch transport; 0: node:dgram. */
  workers: number;
}

/** How many cases ran, and the faults; a fault begins with the name of its case. */
export interface Outcome {
  ran: number;
  faults: string[];
}

/** Sources that no socket of ours can have: mapped ones, and whatever comes from port 0. */
function onlyInProcess(one: Case, source: string): boolean {
  return one.port !== undefined || source.startsWith('::ffff:');
}

function localOf(source: string): string {
  return source.includes(':') && !source.startsWith('::ffff:') ? '::1' : '127.0.0.1';
}

/** Listener scopes that the cases of a scenario come in by. */
function scopesOf(scenario: Scenario): string[] {
  const scopes = new Set([scenario.on]);
  for (const step of scenario.steps) if ('name' in step && step.on !== undefined) scopes.add(step.on);
  return [...scopes];
}

/** Every source address that a socket must be bound to. */
export function sourcesOf(scenarios: Scenario[]): string[] {
  const sources = new Set<string>();
  for (const scenario of scenarios) {
    for (const step of scenario.steps) {
      if ('change' in step) continue;
      const source = step.from ?? scenario.from!;
      if (!onlyInProcess(step, source) && !source.startsWith('127.')) sources.add(source);
    }
  }
  return [...sources];
}

const HELD = Symbol('held');

/** What was put off to the next turns of the event loop does not count as held. */
async function turns(): Promise<typeof HELD> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  return HELD;
}

class Player {
  readonly faults: string[] = [];
  ran = 0;
  private readonly scenario: Scenario;
  private readonly way: Way;
  private readonly subject: Subject;
  private readonly upstream: Upstream | undefined;
  private readonly udp = new UdpClients();

  constructor(scenario: Scenario, way: Way, subject: Subject, upstream: Upstream | undefined) {
    this.scenario = scenario;
    this.way = way;
    this.subject = subject;
    this.upstream = upstream;
  }

  async play(): Promise<void> {
    const allowed = new Set<string>();
    for (const step of this.scenario.steps) {
      if ('change' in step) {
        await this.change(step.change);
        continue;
      }
      if (!(step.over ?? ['udp', 'tcp']).includes(this.way.over)) continue;
      const source = step.from ?? this.scenario.from!;
      if (this.way.by === 'socket' && onlyInProcess(step, source)) continue;
      this.ran++;
      try {
        if (step.rotation === true) await this.rotation(step, source);
        else await this.once(step, source);
      } catch (error) {
        this.faults.push(`${step.name}: ${String(error)}`);
      }
      if (step.forwarded === true) {
        const name = nameText(parseWire(packetOf(step, localOf(source))).question[0]!.name).toLowerCase();
        allowed.add(name);
        if (this.upstream?.names.has(name) !== true)
          this.faults.push(`${step.name}: the upstream was not asked`);
      }
      for (const name of this.upstream?.names ?? []) {
        if (allowed.has(name)) continue;
        this.faults.push(`${step.name}: ${name} leaked to the upstream`);
        allowed.add(name);
      }
    }
    await this.udp.close();
  }

  private async change(change: Change): Promise<void> {
    const put = change.put === undefined ? [] : resourcesOf(change.put);
    const inside = put.filter(isSaid);
    await this.subject.change(inside, (change.delete ?? []).map(keyFrom));
  }

  private async ask(
    one: Case,
    source: string,
    query: Buffer,
  ): Promise<{ answer: Uint8Array | undefined; held: boolean }> {
    const scope = one.on ?? this.scenario.on;
    const local = localOf(source);
    const { by, over } = this.way;
    if (by === 'process') {
      const client = { address: source, port: one.port ?? 40_000, scope, local, tcp: over === 'tcp' };
      const reply = this.subject.answer(query, client);
      const early = reply instanceof Promise ? await Promise.race([reply, turns()]) : reply;
      return { answer: await reply, held: early === HELD };
    }
    const port = this.subject.port(scope, local);
    const silence = one.expect.drop === true;
    const answer =
      over === 'udp'
        ? await this.udp.ask(query, source, local, port, silence)
        : await askTcp(query, source, local, port, silence);
    return { answer, held: one.expect.held === true };
  }

  private async once(one: Case, source: string): Promise<void> {
    const local = localOf(source);
    const query = packetOf(one, local);
    const { answer, held } = await this.ask(one, source, query);
    if (one.expect.drop === true) {
      if (answer !== undefined)
        this.faults.push(`${one.name}: answered ${Buffer.from(answer).toString('hex')}`);
      return;
    }
    if (answer === undefined) {
      this.faults.push(`${one.name}: no answer`);
      return;
    }
    if (one.expect.held !== undefined && this.way.by === 'process' && held !== one.expect.held) {
      this.faults.push(`${one.name}: ${held ? 'needed time' : 'was answered at once'}`);
    }
    const faults = judge(this.scenario, one, { query, over: this.way.over, local }, answer);
    for (const fault of faults) this.faults.push(`${one.name}: ${fault}`);
  }

  /** The records turn by (id × n) >> 16, whatever their order at id 0 is. */
  private async rotation(one: Case, source: string): Promise<void> {
    await this.once(one, source);
    const order = async (id: number): Promise<string[]> => {
      const { answer } = await this.ask(one, source, packetOf({ ...one, id }, localOf(source)));
      return parseWire(answer!).answer.map((record) => record.text);
    };
    const first = await order(0);
    for (const id of [1, 0x3fff, 0x7fff, 0x8000, 0xc000, 0xffff]) {
      const start = Math.floor((id * first.length) / 65536);
      const wanted = [...first.slice(start), ...first.slice(0, start)];
      const got = await order(id);
      if (got.join() !== wanted.join())
        this.faults.push(`${one.name}: id ${id} gives ${got.join()}, not ${wanted.join()}`);
    }
  }
}

/** Opens a server of its own, plays every step in order, closes it. */
export async function playScenario(scenario: Scenario, way: Way): Promise<Outcome> {
  const upstream = scenario.upstream ? new Upstream() : undefined;
  await upstream?.open();
  const subject = await openSubject({
    config: scenario.config,
    resources: scenario.synced ? scenario.zones.flatMap(resourcesOf) : undefined,
    scopes: scopesOf(scenario),
    listen: way.by === 'socket',
    workers: way.workers,
    upstreamPort: upstream?.port,
  });
  const player = new Player(scenario, way, subject, upstream);
  try {
    await player.play();
  } finally {
    await subject.close();
    await upstream?.close();
  }
  return { ran: player.ran, faults: player.faults };
}
