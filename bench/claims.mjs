/**
 * What pages other than docs/benchmarks.md say about speed and size. Such a text stands between `<!-- figure NAME -->` and
 * `<!-- /figure -->`, and is made of the figures in docs, so that it says nothing else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const number = (value) => Math.round(value).toLocaleString('en');
const mebibytes = (value) => `${Math.round(value)} MiB`;
const MILLION = 1_000_000;

function speed(files) {
  const { core } = files;
  const ours = core?.medians?.[`udp6 ${core.pods}`]?.podns;
  if (ours === undefined) return undefined;
  const peers = ['nsd', 'knot', 'gdnsd'].filter((name) => core.ratios[name] !== undefined);
  const ratios = peers.map((name) => `${core.ratios[name]} of ${name}`);
  return (
    `With ${number(core.pods)} pods, one core (${core.cpu}) answers ${number(ours.rate)} queries a second over UDP, at ` +
    `${ours.cpu.toFixed(2)} µs of CPU each${ratios.length > 0 ? `: ${ratios.join(', ')}, in the same run` : ''}. ` +
    '[docs/benchmarks.md](docs/benchmarks.md#the-figures-that-count) has the figures that count, and what each has to reach.'
  );
}

function ofMillion({ memory, core }) {
  const loaded = memory?.loaded?.pods === MILLION ? memory.loaded.servers : [];
  const atRest = loaded.find(({ name }) => name === 'podns')?.mebibytes.median;
  const once = core?.servers?.find(({ name, pods }) => name === 'podns' && pods === MILLION)?.mebibytes;
  const value = atRest ?? once;
  return value === undefined ? undefined : mebibytes(value);
}

const idle = (key, shown) => (files) => {
  const value = files.memory?.idle?.[key]?.median;
  return value === undefined ? undefined : shown(value);
};

/** By name: the page that has it, and its text; undefined where its figures have not been measured. */
export const CLAIMS = {
  speed: { page: 'README.md', text: speed },
  'resident-million': { page: 'docs/scale.md', text: ofMillion },
  'resident-idle': { page: 'docs/operations.md', text: idle('resident', mebibytes) },
  'resident-asked': { page: 'docs/operations.md', text: idle('asked', mebibytes) },
  'further-listener': {
    page: 'docs/operations.md',
    text: idle('furtherListener', (value) => `${value.toFixed(2)} MiB`),
  },
};

/** Every text between marks: name, text, and where it begins and ends. */
export const MARKED = /<!-- figure ([a-z-]+) -->([\s\S]*?)<!-- \/figure -->/g;

/** The page as the figures make it. `files`: what the benches have left, by the names of their chapters. */
export function withClaims(page, files) {
  return page.replace(MARKED, (_, name, said) => {
    const claim = CLAIMS[name];
    if (claim === undefined) throw new Error(`there is no claim ${name}`);
    return `<!-- figure ${name} -->${claim.text(files) ?? said}<!-- /figure -->`;
  });
}

export function writeClaims(files) {
  for (const page of new Set(Object.values(CLAIMS).map((claim) => claim.page))) {
    const path = fileURLToPath(new URL(`../${page}`, import.meta.url));
    const said = readFileSync(path, 'utf8');
    const text = withClaims(said, files);
    if (text !== said) writeFileSync(path, text);
  }
}
