import { describe, expect, test } from 'vitest';
import { ConcurrencyLimit } from '../../src/base/limits.ts';

describe('places under way at once', () => {
  test('two VPCs with one address have places of their own', () => {
    const limit = new ConcurrencyLimit<string>({ all: 100, vpc: 50, client: 2 });
    for (let i = 0; i < 2; i++) expect(limit.enter('red', '10.0.0.1')).toBeUndefined();
    expect(limit.enter('red', '10.0.0.1')).toBe('client');
    for (let i = 0; i < 2; i++) expect(limit.enter('blue', '10.0.0.1')).toBeUndefined();
    limit.leave('blue', '10.0.0.1');
    expect(limit.enter('red', '10.0.0.1')).toBe('client');
    limit.leave('red', '10.0.0.1');
    expect(limit.enter('red', '10.0.0.1')).toBeUndefined();
  });

  test('whoever floods, and however many do, who has nothing finds room', () => {
    const limit = new ConcurrencyLimit<number>({ all: 1000, vpc: 600, client: 200 });
    for (let vpc = 1; vpc <= 8; vpc++) {
      for (let client = 1; client <= 8; client++) while (limit.enter(vpc, String(client)) === undefined);
      // Another client of this VPC, and a VPC that has nothing.
      expect(limit.enter(vpc, 'other'), `VPC ${vpc}`).not.toBe('client');
      expect(limit.enter(100 + vpc, 'first'), `beside VPC ${vpc}`).toBeUndefined();
    }
    expect(limit.count).toBeLessThanOrEqual(1000);
  });
});
