export function expected(revision: number, pair: number): number;
