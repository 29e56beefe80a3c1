/** The reference model and the scenarios were written from the same text: they must agree with each other. */
import { describe, expect, test } from 'vitest';
import { splitName } from '../harness/build.ts';
import { isSaid, resourcesOf } from '../harness/fixture.ts';
import { Reference } from '../harness/reference.ts';
import { ReferenceWorld } from '../harness/reference-world.ts';
import { keyFrom, questionOf, readScenarios, type Case, type Scenario } from './format.ts';

/** The address asked. */
function localOf(source: string): string {
  return source.includes(':') ? '::1' : '127.0.0.1';
}

function referenceOf(scenario: Scenario): Reference {
  const { config } = scenario;
  const world = new ReferenceWorld({
    zone: scenario.zone,
    aRecords: config.a_records ?? 'pinned',
    forward: config.forward ?? 'on',
    suffixes: (config.suffixes ?? []).map((one) =>
      typeof one === 'string' ? { name: one, flat: false } : one,
    ),
    clients: config.clients ?? [],
  });
  for (const resource of scenario.zones.flatMap(resourcesOf)) world.put(resource, 1);
  return new Reference(world);
}

/** Cases that are about more than which name has which records. */
function concernsNames(one: Case): boolean {
  const { expect: wanted } = one;
  const special = wanted.drop ?? wanted.raw ?? wanted.answerCount ?? one.raw ?? one.opcode;
  const question = questionOf(one, '::1');
  if (special !== undefined || question === undefined || question.class !== 'IN') return false;
  if (one.edns !== undefined && one.edns !== true && (one.edns.version ?? 0) > 0) return false;
  if (wanted.rcode === 'FORMERR' || (one.flags ?? 'rd') === '') return false;
  return true;
}

function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

describe.each(readScenarios().filter((scenario) => scenario.synced))(
  'reference model: $title',
  (scenario) => {
    test('agrees with every case about names', () => {
      const reference = referenceOf(scenario);
      const faults: string[] = [];
      let stamp = 1;
      for (const step of scenario.steps) {
        if ('change' in step) {
          stamp++;
          for (const text of step.change.delete ?? []) reference.world.delete(keyFrom(text));
          const put = step.change.put === undefined ? [] : resourcesOf(step.change.put);
          const real = put.filter(isSaid);
          for (const resource of real) reference.world.put(resource, stamp);
          continue;
        }
        if (!concernsNames(step)) continue;
        const [vpc = '', namespace = ''] = (step.on ?? scenario.on).slice(1).split('/');
        const address = (step.from ?? scenario.from!).replace('::ffff:', '');
        const local = localOf(address);
        const { name, type } = questionOf(step, local)!;
        const reply = reference.reply({ address, vpc, namespace }, splitName(name).map(lower), type, local);
        const wanted = step.expect;
        const say = (what: string, got: unknown, want: unknown): void => {
          if (JSON.stringify(got) !== JSON.stringify(want)) {
            faults.push(
              `${step.name}: ${what} reference ${JSON.stringify(got)}, scenario ${JSON.stringify(want)}`,
            );
          }
        };
        say('outside', reply.outside === true, step.forwarded === true);
        if (reply.outside === true) continue;
        if (!Array.isArray(wanted.rcode)) say('rcode', reply.rcode, wanted.rcode ?? 'NOERROR');
        say('soaAnswer', reply.soaAnswer, wanted.soaAnswer);
        if (reply.open !== true)
          say(
            'answer',
            reply.answer.toSorted(),
            (wanted.answer ?? []).map((text) => text.replace('$LOCAL', local)).toSorted(),
          );
        if (reply.open !== true && wanted.soa !== '*') {
          say('soa', reply.soa, wanted.soa === undefined ? undefined : lower(wanted.soa));
        }
        if (wanted.held !== undefined && !step.name.includes('in vain'))
          say('held', reply.held === true, wanted.held);
        if (typeof wanted.ede === 'number') say('ede', reply.ede, wanted.ede);
      }
      expect(faults).toEqual([]);
    });
  },
);
