/** The same questions to nsd, to knot and to podns: what differs, and is not on the written list, fails. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import { resourcesOf } from '../harness/fixture.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { askTcp, askUdp, windows } from './ask.ts';
import { cases, mayBeError } from './cases.ts';
import { DIFFERENCES } from './differences.ts';
import { PROPERTIES, see } from './seen.ts';
import type { Seen } from './seen.ts';
import { startKnot, startNsd, startPodns } from './servers.ts';
import type { ServerProcess } from './servers.ts';
import { WORLD } from './world.ts';
import { Exporter } from './zone.ts';

type Protocol = 'udp' | 'tcp';

const ZONE = 'vpc.internal';
const TTL = 30;
const NEGATIVE_TTL = 5;
const good = encodeQuery({ name: `db.web.${ZONE}`, type: 'AAAA' });
const exporter = (serial: number): Exporter =>
  new Exporter(resourcesOf(WORLD), 'aep', {
    zone: ZONE,
    ttl: TTL,
    negativeTtl: NEGATIVE_TTL,
    serial,
    server: '127.0.0.1',
  });
const CASES = cases(exporter(1).owners);

const missing = missingTools(['knotd', 'nsd']);
if (missing !== undefined) skipAloud('nsd, knot and podns agree', missing);

describe.skipIf(missing !== undefined)('nsd, knot and podns', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podns-differential-'));
  const servers: Record<string, ServerProcess> = {};
  const used = new Set<number>();

  beforeAll(async () => {
    const times = ['--ttl', String(TTL), '--negative-ttl', String(NEGATIVE_TTL)];
    servers['podns'] = await startPodns(folder, WORLD, times);
    await servers['podns'].ready(good);
    const [soa] = await askUdp(servers['podns'].port, [encodeQuery({ name: ZONE, type: 'SOA' })]);
    const serial = Number(parseWire(soa!).answer[0]!.text.split(' ')[2]);
    const text = exporter(serial).text();
    servers['knot'] = await startKnot(folder, ZONE, text);
    servers['nsd'] = await startNsd(folder, ZONE, text);
    await Promise.all([servers['knot'].ready(good), servers['nsd'].ready(good)]);
  });

  afterAll(async () => {
    await Promise.all(Object.values(servers).map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  /** What is different and not on the list, one line each. */
  function compare(
    protocol: Protocol,
    asked: typeof CASES,
    ours: Seen[],
    other: 'knot' | 'nsd',
    theirs: Seen[],
  ): string[] {
    const faults: string[] = [];
    asked.forEach(({ title }, i) => {
      const name = `${protocol} ${title}`;
      for (const property of PROPERTIES) {
        const here = ours[i]![property] ?? '';
        const there = theirs[i]![property] ?? '';
        if (here === there) continue;
        const allowed = DIFFERENCES.findIndex(
          (one) =>
            (one.of === other || one.of === 'both') &&
            one.properties.includes(property) &&
            one.cases.test(name) &&
            one.ours.test(here) &&
            one.theirs.test(there),
        );
        if (allowed < 0) faults.push(`${other} ${property} | ${name} | ours ${here} | theirs ${there}`);
        else used.add(allowed);
        // The rest of two answers of which one is none, or broken, says nothing.
        if (property === 'silence' || property === 'form') break;
      }
    });
    return faults;
  }

  async function faultsOver(protocol: Protocol): Promise<string[]> {
    const asked = CASES.filter(({ udpOnly }) => protocol === 'udp' || !udpOnly);
    const packets = asked.map(({ packet }) => packet);
    const errors = asked.map(mayBeError);
    const ask = protocol === 'udp' ? askUdp : askTcp;
    const seen = async (name: string): Promise<Seen[]> => {
      const answers = await ask(servers[name]!.port, packets, windows(errors, name === 'nsd'));
      return answers.map((answer, i) => see(answer, asked[i]!.question));
    };
    const [ours, knot, nsd] = await Promise.all([seen('podns'), seen('knot'), seen('nsd')]);
    return [...compare(protocol, asked, ours, 'knot', knot), ...compare(protocol, asked, ours, 'nsd', nsd)];
  }

  /** Asked once, whichever tests run. */
  const faults = new Map<Protocol, Promise<string[]>>();
  function once(protocol: Protocol): Promise<string[]> {
    let found = faults.get(protocol);
    if (found === undefined) faults.set(protocol, (found = faultsOver(protocol)));
    return found;
  }

  test.each(['udp', 'tcp'] as const)('agree over %s', async (protocol) => {
    expect((await once(protocol)).slice(0, 20)).toEqual([]);
  });

  test('every difference on the list is still there', async () => {
    await once('udp');
    await once('tcp');
    expect(DIFFERENCES.filter((_, i) => !used.has(i)).map(({ because }) => because)).toEqual([]);
  });
});
