/** The targets by name: the module of each, loaded when it is needed. */
export const TARGETS = Object.fromEntries(
  ['packet', 'upstream', 'stream', 'zone', 'etcd', 'docker', 'compose', 'tcp', 'http'].map((name) => [
    name,
    new URL(`targets/${name}.mjs`, import.meta.url).href,
  ]),
);
