export function checksum(octets: Uint8Array, from: number, to: number): number;
