/** The resolvers that pods have: one program each, compiled where it must be. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HERE = import.meta.dirname;

/** A program that resolves names as some kind of pod does. */
export interface Resolver {
  title: string;
  tools: string[];
  /** Makes what has to be compiled; returns the command line for a name. */
  prepare(folder: string): (name: string) => string[];
  /** Follows TC by TCP: gets all 60. */
  tcp: boolean;
  /** Applies the search list. */
  search: boolean;
}

export const RESOLVERS: Resolver[] = [
  {
    title: 'glibc, getent ahosts',
    tools: ['getent'],
    prepare: () => (name) => ['sh', '-c', `getent ahosts ${name} || { echo error none; exit 1; }`],
    tcp: true,
    search: true,
  },
  {
    title: 'musl, a static program',
    tools: ['musl-gcc'],
    prepare(folder) {
      const program = join(folder, 'lookup-musl');
      execFileSync('musl-gcc', ['-static', '-O1', '-o', program, join(HERE, 'lookup.c')]);
      return (name) => [program, name];
    },
    // musl has TCP since 1.2.4; before, it lives on what fits.
    tcp: false,
    search: true,
  },
  {
    title: 'glibc, getaddrinfo',
    tools: ['gcc'],
    prepare(folder) {
      const program = join(folder, 'lookup-glibc');
      execFileSync('gcc', ['-O1', '-o', program, join(HERE, 'lookup.c')]);
      return (name) => [program, name];
    },
    tcp: true,
    search: true,
  },
  {
    title: "Node's c-ares, dns.resolve",
    tools: [],
    prepare: () => (name) => [process.execPath, join(HERE, 'lookup.mjs'), 'resolve', name],
    tcp: true,
    search: true,
  },
  {
    title: 'Node, dns.lookup',
    tools: [],
    prepare: () => (name) => [process.execPath, join(HERE, 'lookup.mjs'), 'lookup', name],
    tcp: true,
    search: true,
  },
  {
    title: "Go's own resolver",
    tools: ['go'],
    prepare(folder) {
      const source = join(folder, 'go');
      mkdirSync(source);
      copyFileSync(join(HERE, 'lookup.go.txt'), join(source, 'main.go'));
      writeFileSync(join(source, 'go.mod'), 'module lookup\n');
      const program = join(folder, 'lookup-go');
      const environment = {
        ...process.env,
        CGO_ENABLED: '0',
        GOFLAGS: '-mod=mod',
        GOPROXY: 'off',
        GOTOOLCHAIN: 'local',
      };
      execFileSync('go', ['build', '-tags', 'netgo', '-o', program, '.'], { cwd: source, env: environment });
      return (name) => [program, name];
    },
    tcp: true,
    search: true,
  },
  {
    title: 'dig over UDP',
    tools: ['dig'],
    prepare: () => (name) => ['sh', '-c', `dig +search +short ${name} AAAA; dig +search +short ${name} A`],
    tcp: true,
    search: true,
  },
  {
    title: 'dig over TCP',
    tools: ['dig'],
    prepare: () => (name) => [
      'sh',
      '-c',
      `dig +tcp +search +short ${name} AAAA; dig +tcp +search +short ${name} A`,
    ],
    tcp: true,
    search: true,
  },
  {
    title: 'busybox nslookup',
    tools: ['busybox'],
    // Its first two lines name the server.
    prepare: () => (name) => ['sh', '-c', `busybox nslookup ${name} ::1 | tail -n +3`],
    tcp: false,
    search: true,
  },
];
