/** The one place of all problems: since when, once each, bounded; and lines that repeat are said at growing distance. */
import { describe, expect, test } from 'vitest';
import type { Problem } from '../../src/model.ts';
import { ServerCore } from '../../src/server.ts';
import { Problems, type ProblemEvent } from '../../src/server/problems.ts';
import { Reports } from '../../src/server/reports.ts';
import { newStatus } from '../../src/server/source-status.ts';
import { quietLogger } from '../../src/server/quiet-log.ts';

const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };

const refused = (name: string, line = 1): Problem => ({
  severity: 'error',
  place: { file: 'a.yaml', line, column: 1 },
  key: { kind: 'pod', vpc: 'v', namespace: 'n', name },
  reason: `pod v/n/${name}: no address`,
});

function registry() {
  const told: string[] = [];
  const rest: number[] = [];
  const clock = { now: 1000 };
  const tell = ({ type, problem }: ProblemEvent): void => void told.push(`${type} ${problem.subject}`);
  const problems = new Problems(
    () => clock.now,
    tell,
    (_, count) => void rest.push(count),
  );
  return { problems, told, rest, clock };
}

describe('what stands wrong', () => {
  test('is told when it begins and when it ends, and stands since it began', () => {
    const { problems, told, clock } = registry();
    problems.replace('a', [refused('x')]);
    clock.now = 2000;
    problems.replace('a', [refused('x', 7), refused('y')]);
    expect(problems.list().map(({ subject, since, text }) => [subject, since, text])).toEqual([
      ['pod v/n/x', 1000, 'a.yaml:7:1: pod v/n/x: no address'],
      ['pod v/n/y', 2000, 'a.yaml:1:1: pod v/n/y: no address'],
    ]);
    problems.replace('a', []);
    problems.replace('a', []);
    expect(told).toEqual(['begin pod v/n/x', 'begin pod v/n/y', 'end pod v/n/x', 'end pod v/n/y']);
    expect(problems.count).toBe(0);
  });

  test('is bounded, and its number is known all the same', () => {
    const { problems, rest } = registry();
    const many = Array.from({ length: 1500 }, (_, i) => refused(`x${i}`));
    problems.replace('a', many);
    expect(problems.list()).toHaveLength(1000);
    expect(problems.count).toBe(1500);
    expect(rest).toEqual([1480]);
    problems.replace('a', many);
    expect(rest).toHaveLength(1);
    problems.replace('a', []);
    expect(problems.count).toBe(0);
  });

  test('comes with what spoils answers first, each with what helps', () => {
    const { problems } = registry();
    problems.replace('a', [
      { kind: 'conflict', severity: 'warning', reason: 'two sources' },
      { kind: 'net6', severity: 'error', reason: 'overlap' },
      { kind: 'file', severity: 'error', unserved: true, reason: 'broken' },
    ]);
    expect(problems.list().map(({ kind, impact }) => `${kind} ${impact}`)).toEqual([
      'file missing',
      'net6 wrong',
      'conflict none',
    ]);
    expect(problems.list().every(({ remedy }) => remedy.length > 20)).toBe(true);
  });
});

test('the same line is said freely at first, then at growing distance with its count', () => {
  let now = 0;
  const said: string[] = [];
  const note = (details: object, text: string): void =>
    void said.push(`${now / 60_000} ${text} ${(details as { repeated?: number }).repeated ?? ''}`.trim());
  const logger = quietLogger({ info: note, warn: note, error: note }, () => now);
  // Twenty-four a minute, for half an hour.
  for (let i = 0; i < 24 * 30; i++, now += 2500) logger.warn({}, 'lost');
  expect(said.length).toBeLessThan(10);
  expect(said.slice(0, 3)).toEqual(['0 lost', '0.041666666666666664 lost', '0.08333333333333333 lost']);
  const repeated = said.slice(3).map((line) => Number(line.split(' ')[2]));
  expect(repeated.every((count) => count > 20)).toBe(true);
  expect([...repeated].sort((a, b) => a - b)).toEqual(repeated);
  now += 7_200_000;
  logger.warn({}, 'lost');
  expect(said.at(-1)).toMatch(/ lost$/);
});

test('a source is told of when its state changes: starting is no warning, and a try that fails for the same reason is none', () => {
  const said: string[] = [];
  const say = (level: string) => (_: object, text: string) => void said.push(`${level} ${text}`);
  const logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const reports = new Reports(logger, () => 0);
  const status = newStatus('etcd');
  for (const [state, reason, synced] of [
    ['starting', '', false],
    ['starting', 'connect ECONNREFUSED', false],
    ['starting', 'connect ECONNREFUSED', false],
    ['live', '', true],
    ['lost', 'read ECONNRESET', true],
    ['lost', 'connect ECONNREFUSED', true],
    ['lost', 'connect ECONNREFUSED', true],
    ['live', '', true],
  ] as const)
    reports.source({ ...status, state, reason, synced });
  expect(said.filter((line) => !line.startsWith('debug'))).toEqual([
    'info etcd has not delivered yet',
    'info etcd has not delivered yet: connect ECONNREFUSED',
    'info etcd is live',
    'warn etcd is lost: read ECONNRESET; its last view is served',
    'warn etcd is lost: connect ECONNREFUSED; its last view is served',
    'info etcd is live again',
  ]);
  expect(said.filter((line) => line.startsWith('debug'))).toHaveLength(2);
});

describe('a server', () => {
  test('knows of scopes, rules, conflicts over addresses and overlaps, and forgets what was settled', async () => {
    const lines: string[] = [];
    const say = (level: string) => (_: object, text: string) => void lines.push(`${level} ${text}`);
    const server = new ServerCore({
      config: { workers: 0, forward: 'off', clients: [{ from: '10.0.0.0/8', vpc: 'none', namespace: '' }] },
      reserve: RESERVE,
      logger: { info: say('info'), warn: say('warn'), error: say('error') },
    });
    try {
      const pod = (name: string, ip6: string) => ({ kind: 'pod', vpc: 'a', namespace: 'n', name, ip6 });
      await server.apply({
        put: [
          { kind: 'vpc', name: 'a', net6: ['fd00::/48'] },
          { kind: 'vpc', name: 'b', net6: ['fd00::/40'] },
          pod('x', 'fd00::1'),
          pod('y', 'fd00::1'),
        ],
      });
      const events: string[] = [];
      server.subscribers.events.listen({
        write: (bytes) => events.push(...Buffer.from(bytes).toString().trim().split('\n')) > 0,
        cut: () => undefined,
      });
      await server.listen('127.0.0.1:0@a/none');
      const kinds = async (): Promise<string[]> =>
        (await server.observing.list()).map(({ kind }) => kind).sort();
      expect(await kinds()).toEqual(['address', 'client_rule', 'listener', 'net6']);
      expect(lines.filter((line) => line.startsWith('error')).length).toBe(4);
      expect(lines.join('\n')).toContain('net6 fd00::/40 of vpc b is refused');
      expect(lines.join('\n')).toContain('fd00::1 of pod a/n/');
      expect(server.readiness()).toMatchObject({ ready: true });
      expect(server.readiness().reasons.join('\n')).toContain('degraded: listener 127.0.0.1');
      await server.apply({
        put: [{ ...pod('y', 'fd00::2') }, { kind: 'pod', vpc: 'a', namespace: 'none', name: 'z' }],
        delete: [{ kind: 'vpc', name: 'b' }],
      });
      expect(await kinds()).toEqual(['client_rule']);
      const told = events.map((line) => JSON.parse(line) as { type: string; state: string; time: string });
      const states = told.filter(({ type }) => type === 'problem').map(({ state }) => state);
      expect(states.filter((state) => state === 'begin')).toHaveLength(4);
      expect(states.filter((state) => state === 'end')).toHaveLength(3);
      expect(lines.filter((line) => line.startsWith('info settled: ')).length).toBe(3);
      expect(lines.join('\n')).toContain('vpc b is gone with all that it held');
    } finally {
      await server.close(0);
    }
  });
});
