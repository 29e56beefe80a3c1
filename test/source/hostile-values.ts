/** Values that one tenant may write to stop the others: each is one refused record. */

const many = (what: string, count: number): string => Array(count).fill(what).join(',');
const keys = (count: number): string => Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',');
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** A body of a pod without its identity, as JSON without braces, and what the refusal says. */
export const HOSTILE: [what: string, body: string, reason: RegExp][] = [
  ['nested 6,000 deep', `"names":${nested(6000)}`, /nested more than 8 levels/],
  ['nested 9 deep', `"note":${nested(8)}`, /nested more than 8 levels/],
  ['objects 5,000 deep', `"names":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, /nested more than 8 levels/],
  ['700,000 numbers', `"names":[${many('1', 700_000)}]`, /has (about )?\d+ octets, at most \d+ are read/],
  ['20,000 numbers', `"names":[${many('1', 20_000)}]`, /more than 4096 values/],
  ['20,000 empty lists', `"ports":[${many('[]', 20_000)}]`, /more than 4096 values/],
  ['4,000 names', `"names":[${many('"a"', 4000)}]`, /names: has more than 255 entries/],
  ['129 overlays', `"overlays":[${many('{}', 129)}]`, /overlays: has more than 128 entries/],
  ['257 ports', `"ports":[${many('1', 257)}]`, /ports: has more than 256 entries/],
  ['a map of 4,000 ports', `"ports":{${keys(4000)}}`, /ports: has more than 256 entries/],
  ['one port 4,000 times', `"ports":{"a":[${many('1', 4000)}]}`, /ports: has more than 256 entries/],
  ['a map of 4,000 overlays', `"overlays":{${keys(4000)}}`, /overlays: has more than 128 entries/],
  ['120,000 unknown keys', keys(120_000), /has (about )?\d+ octets/],
  ['4,000 unknown keys beside a fault', `${keys(4000)},"ip6":7`, /ip6: must be text/],
  ['a name of 1.4 MB', `"names":["${'é'.repeat(700_000)}"]`, /has (about )?\d+ octets/],
  ['a name of 60 KB', `"names":["${'.'.repeat(60_000)}"]`, /60000 octets, at most 253 are allowed/],
  ['a key of 60 KB', `"overlays":{"${'k\\u001b'.repeat(8000)}":7}`, /^overlays\.k\\u001bk.{0,500}: must be/],
  ['a prototype', `"__proto__":{"names":7},"ip6":7`, /ip6: must be text/],
];
