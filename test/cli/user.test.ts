/** `--user`: bound as root, served as somebody else, on every thread, with no way back. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  chmodSync,
  mkdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { userOf } from '../../src/cli/privileges.ts';
import { encodeQuery } from '../harness/build.ts';
import { UdpClients } from '../harness/client.ts';
import { enterNamespace } from '../harness/netns.ts';
import { skipAloud } from '../harness/tools.ts';
import { answerText } from '../watch/nodes.ts';
import { Served } from './served.ts';

const NOBODY = 65_534;
const reason = await enterNamespace([]);
if (reason !== undefined) skipAloud('podns becomes another user', reason);

let folder = '';
const served: Served[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-user-'));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'zones'));
  const text = 'vpc: aep\nnamespaces:\n  shop:\n    pods:\n      db: { ip6: "fdfd::1" }\n';
  writeFileSync(join(folder, 'zones/aep.yaml'), text);
});
afterEach(async () => {
  for (const one of served.splice(0)) {
    one.child.kill('SIGKILL');
    await one.ended;
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function serve(...args: string[]): Served {
  const one = new Served(['--zones', 'zones', '--listen', '127.0.0.1:53@aep/shop', ...args], folder);
  served.push(one);
  return one;
}

/** One field of every thread of a process, each value once. */
function everyThread(pid: number, field: string): string[] {
  const values = readdirSync(`/proc/${pid}/task`).map((task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
    return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(status)![1]!.replace(/\s+/g, ' ');
  });
  return [...new Set(values)];
}

async function askPort53(): Promise<string> {
  const clients = new UdpClients();
  const query = encodeQuery({ name: 'db', type: 'AAAA' });
  const answer = await clients.ask(query, '127.0.0.1', '127.0.0.1', 53, false);
  return answerText(answer!);
}

describe.skipIf(reason !== undefined)('--user', { timeout: 60_000 }, () => {
  test('answers on port 53 as that user, on all threads, without a capability or a core dump', async () => {
    const state = join(folder, 'made/state');
    const one = serve('--user', 'nobody', '--workers', '2', '--state', state);
    await one.until('out', 'DNS');
    expect(await askPort53()).toBe('NOERROR fdfd::1');
    const pid = one.child.pid!;
    expect(readdirSync(`/proc/${pid}/task`).length).toBeGreaterThan(5);
    expect(everyThread(pid, 'Uid')).toEqual([`${NOBODY} ${NOBODY} ${NOBODY} ${NOBODY}`]);
    expect(everyThread(pid, 'Gid')).toEqual([`${NOBODY} ${NOBODY} ${NOBODY} ${NOBODY}`]);
    expect(everyThread(pid, 'Groups').map((text) => text.trim())).toEqual([String(NOBODY)]);
    for (const set of ['CapPrm', 'CapEff', 'CapAmb'])
      expect(everyThread(pid, set)).toEqual(['0000000000000000']);
    const main = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(main).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 /m);
    for (const path of [join(folder, 'made'), state])
      expect([statSync(path).uid, statSync(path).mode & 0o777]).toEqual([NOBODY, 0o700]);
    one.child.kill('SIGTERM');
    expect(await one.ended).toEqual({ code: 0, signal: null });
    expect(statSync(join(state, 'view.ndjson')).uid).toBe(NOBODY);
    // The saved view of that user is taken up again.
    const again = serve('--user', `${NOBODY}:${NOBODY}`, '--state', state);
    await again.until('err', 'the saved view is served');
  });

  test('takes no folder that belongs to root, nor one in which it may not write', async () => {
    const state = join(folder, 'root-state');
    mkdirSync(state, { mode: 0o700 });
    const one = serve('--user', 'nobody', '--state', state);
    expect(await one.ended).toEqual({ code: 77, signal: null });
    expect(one.err).toMatch(/no permission|belongs to user 0/);
    expect(statSync(state).uid).toBe(0);
  });

  test('says what it cannot become', async () => {
    const codeOf = async (user: string): Promise<[number | null, string]> => {
      const one = serve('--user', user);
      const { code } = await one.ended;
      return [code, one.err.trim()];
    };
    expect(await codeOf('nosuchuser')).toEqual([78, expect.stringContaining('there is no user nosuchuser')]);
    expect(await codeOf('nobody:nosuchgroup')).toEqual([78, expect.stringContaining('no group nosuchgroup')]);
    expect(await codeOf('root')).toEqual([78, expect.stringContaining('is root')]);
    expect(await codeOf('12345678')).toEqual([78, expect.stringContaining('name a group too')]);
    process.setegid!(NOBODY);
    process.seteuid!(NOBODY);
    try {
      expect(() => userOf('daemon')).toThrow(expect.objectContaining({ exitCode: 77 }) as Error);
      expect(userOf(`${NOBODY}:${NOBODY}`).isSelf).toBe(true);
    } finally {
      process.seteuid!(0);
      process.setegid!(0);
    }
  });
});
