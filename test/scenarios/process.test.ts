/** Every scenario against the library's `answer`, as a UDP and as a TCP client. */
import { describe, expect, test } from 'vitest';
import { readScenarios } from './format.ts';
import { playScenario } from './run.ts';

describe.each(readScenarios())('$title', (scenario) => {
  test.each(['udp', 'tcp'] as const)('in the process as over %s', async (over) => {
    const outcome = await playScenario(scenario, { by: 'process', over, workers: 0 });
    expect(outcome.faults).toEqual([]);
    expect(outcome.ran).toBeGreaterThan(0);
  });
});

test('there are enough of them', () => {
  const cases = readScenarios().flatMap((scenario) => scenario.steps.filter((step) => 'name' in step));
  expect(cases.length).toBeGreaterThanOrEqual(180);
  expect(new Set(readScenarios().map((scenario) => scenario.title)).size).toBe(readScenarios().length);
});
