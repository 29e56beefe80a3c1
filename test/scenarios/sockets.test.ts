/** Every scenario over real sockets, from real source addresses, in a network namespace of its own. */
import { describe, expect, test } from 'vitest';
import { enterNamespace } from '../harness/netns.ts';
import { skipAloud } from '../harness/tools.ts';
import { readScenarios } from './format.ts';
import { playScenario, sourcesOf, type Way } from './run.ts';

const scenarios = readScenarios();
const reason = await enterNamespace(sourcesOf(scenarios));

const ways: [string, Way][] = [
  ['UDP by node:dgram', { by: 'socket', over: 'udp', workers: 0 }],
  ['TCP', { by: 'socket', over: 'tcp', workers: 0 }],
  ['UDP by one batch worker', { by: 'socket', over: 'udp', workers: 1 }],
  ['UDP by two batch workers', { by: 'socket', over: 'udp', workers: 2 }],
];

describe.each(scenarios)('$title', (scenario) => {
  for (const [title, way] of ways) {
    if (reason !== undefined) {
      skipAloud(`${scenario.title} over ${title}`, reason);
      continue;
    }
    test(`over ${title}`, async () => {
      const outcome = await playScenario(scenario, way);
      expect(outcome.faults).toEqual([]);
    });
  }
});
