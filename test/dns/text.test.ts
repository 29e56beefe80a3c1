import { expect, test } from 'vitest';
import { classText, edeText, opcodeText, rcodeText, typeNumber, typeText } from '../../src/dns/text.ts';

test.each([
  ['AAAA', 28],
  ['aaaa', 28],
  ['HTTPS', 65],
  ['TYPE65', 65],
  ['type65535', 65535],
  ['ANY', 255],
  ['TYPE65536', -1],
  ['TYPE', -1],
  ['TYPE-1', -1],
  ['TYPE1e3', -1],
  ['AAAAA', -1],
  ['', -1],
  ['constructor', -1],
])('type %s', (text, number) => {
  expect(typeNumber(text)).toBe(number);
});

test('every number has a text that is read back', () => {
  for (let number = 0; number <= 0xffff; number++) {
    expect(typeNumber(typeText(number))).toBe(number);
  }
  expect([typeText(65534), classText(3), classText(9)]).toEqual(['TYPE65534', 'CH', 'CLASS9']);
});

test('rcodes, opcodes and extended errors', () => {
  expect([0, 3, 16, 23, 11, 4095].map(rcodeText)).toEqual([
    'NOERROR',
    'NXDOMAIN',
    'BADVERS',
    'BADCOOKIE',
    'RCODE11',
    'RCODE4095',
  ]);
  expect([0, 4, 15].map(opcodeText)).toEqual(['QUERY', 'NOTIFY', 'OPCODE15']);
  expect([0, 3, 14, 15, 18, 19, 20, 22, 23, 24, 999].map(edeText)).toEqual([
    'Other',
    'Stale Answer',
    'Not Ready',
    'Blocked',
    'Prohibited',
    'Stale NXDOMAIN Answer',
    'Not Authoritative',
    'No Reachable Authority',
    'Network Error',
    'Invalid Data',
    'Code 999',
  ]);
});
