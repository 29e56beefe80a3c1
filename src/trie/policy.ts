/** Which overlay IPv4 addresses become A records. */

/**
 * `pinned`: pinned addresses, and any of a pod that has no IPv6. `all`, `none`. Not always, because musl and Go
 * rank IPv4 above unique-local IPv6: an A that nobody asked for moves them onto the slower tunnel.
 */
export type ARecords = 'pinned' | 'all' | 'none';
