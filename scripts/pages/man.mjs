/** The manual pages, made of the tables that the program itself uses. */
import { environmentName, fileKey, flagName, KEYS, SETTINGS } from '../../dist/config/table.js';
import { buildProgram } from '../../dist/cli/program.js';
import { FIELD_REFERENCE } from '../../dist/source/validate/field-reference.js';
import { defaultText } from '../../dist/config/default-text.js';
import {
  bold,
  escaped,
  heading,
  italic,
  item,
  paragraph,
  prose,
  section,
  subsection,
  verbatim,
} from './roff.mjs';

/** @type {import('../../dist/cli/io.js').Io} */
const io = {
  out: () => undefined,
  err: () => undefined,
  input: () => Promise.resolve(''),
  environment: {},
  folder: '/',
};

const EXIT_CODES = [
  ['0', 'Success.'],
  ['1', 'Failure; of `query` and `explain`: SERVFAIL or REFUSED.'],
  ['2', 'Wrong usage.'],
  ['3', 'A negative answer: no such name, or no such record.'],
  ['4', 'The server cannot be reached.'],
  ['69', 'The port is in use.'],
  ['77', 'A permission is missing.'],
  ['78', 'The configuration or a zone file is wrong.'],
];

/** podns(1). */
export async function commandPage(version) {
  const program = await buildProgram(io);
  const all = leaves(program, 'podns');
  return [
    heading('podns', 1, version, 'DNS for pods'),
    section('NAME'),
    `podns \\- ${escaped(program.description())}\n`,
    section('SYNOPSIS'),
    ...all.map(({ path, command }) => `.B ${escaped(path)}\n${escaped(usageOf(command))}\n.br\n`),
    section('DESCRIPTION'),
    paragraph(
      'podns is the nameserver of pods: one process on each node. A pod asks for `db` and gets the pod `db` of its own namespace; `app.shop` reaches `app` in namespace `shop`. Records come from files, a watch stream or etcd. VPCs are tenants and never see each other.',
    ),
    section('COMMANDS'),
    ...all.map(commandText),
    section('EXIT STATUS'),
    ...EXIT_CODES.map(([code, text]) => item(bold(code), text)),
    section('SIGNALS'),
    item(
      bold('SIGTERM, SIGINT'),
      'Answers what is in flight for at most 5 s, saves the view and ends with 0. A second one ends at once.',
    ),
    item(bold('SIGHUP'), 'Reads all zone files and the token file of the admin listener again.'),
    item(bold('SIGUSR1'), 'Does nothing: the debugger of Node.js stays closed.'),
    section('ENVIRONMENT'),
    paragraph(
      'Each setting of podns.yaml(5) has a variable: `PODNS_` and its name in capitals, such as `PODNS_LISTEN`. A flag is stronger than the variable, the variable is stronger than the file.',
    ),
    item(
      bold('NOTIFY_SOCKET, WATCHDOG_USEC'),
      'The service manager that is told when podns is ready, alive and ending; see sd_notify(3).',
    ),
    section('SEE ALSO'),
    '.BR podns.yaml (5),\n.BR podns\\-zones (5),\n.BR dig (1)\n',
  ].join('');
}

function leaves(command, path) {
  if (command.commands.length === 0) return [{ path, command }];
  return command.commands.flatMap((child) => leaves(child, `${path} ${child.name()}`));
}

function usageOf(command) {
  return command.usage().replaceAll('[options] ', '[options] ').trim();
}

function commandText({ path, command }) {
  const options = command.options.filter((option) => !option.hidden);
  return [
    subsection(`${path} ${usageOf(command)}`),
    paragraph(sentence(command.description())),
    ...command.registeredArguments
      .filter(({ description }) => description)
      .map((argument) => item(italic(argument.name()), sentence(argument.description))),
    ...(path === 'podns serve'
      ? [paragraph('Each setting of podns.yaml(5) is a flag too: `--listen`, `--zones` and so on.')]
      : options.map((option) => item(bold(option.flags), sentence(option.description)))),
  ].join('');
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** podns.yaml(5). */
export function configurationPage(version) {
  const groups = [...new Set(KEYS.map((key) => SETTINGS[key].group))];
  return [
    heading('podns.yaml', 5, version, 'podns'),
    section('NAME'),
    'podns.yaml \\- the configuration of podns\n',
    section('DESCRIPTION'),
    paragraph(
      '`podns serve` reads `podns.yaml` in the current folder, or the file that `--config` names. Every key is optional. A flag is stronger than the environment variable, the variable is stronger than the file. `podns check FILE` tries a file.',
    ),
    verbatim('zones: [/etc/podns/zones]\nlisten:\n  - 10.198.62.1:53@aep/nextcloud\nforward: on'),
    ...groups.flatMap((group) => [
      section(group.toUpperCase()),
      ...KEYS.filter((key) => SETTINGS[key].group === group).map(settingText),
    ]),
    section('SEE ALSO'),
    '.BR podns (1),\n.BR podns\\-zones (5)\n',
  ].join('');
}

function settingText(key) {
  const { takes = 'true|false', doc, many } = SETTINGS[key];
  const fallback = defaultText(key);
  const more = [
    many === true ? 'A list.' : '',
    fallback === '' ? '' : `Default: ${fallback}.`,
    `Flag ${flagName(key)}, variable ${environmentName(key)}.`,
  ];
  return item(
    `${bold(`${fileKey(key)}:`)} ${italic(takes)}`,
    [sentence(doc), ...more].filter(Boolean).join(' '),
  );
}

const KIND_TEXTS = {
  vpc: [
    'VPC',
    'Keys of a document, beside `vpc` and `namespaces`. A VPC is a tenant: nothing of it is visible from another.',
  ],
  namespace: ['NAMESPACE', 'Keys below `namespaces: NAME`, beside `overlays`, `pods` and `services`.'],
  overlay: ['OVERLAY', 'Keys below `overlays: NAME`: a network that pods have addresses on.'],
  pod: ['POD', 'Keys below `pods: NAME`.'],
  service: ['SERVICE', 'Keys below `services: NAME`: a virtual IP.'],
};

export const ZONE_EXAMPLE = `vpc: aep
net6: ["fdfd:1a8::/48"]
namespaces:
  nextcloud:
    overlays:
      default: { net4: 10.198.62.0/23 }
    pods:
      db: { ip6: "fdfd:1a8::2:1" }
      app-0: { names: [app], ip6: "fdfd:1a8::2:2", overlays: { default: 10.198.62.20 } }
    services:
      front: { ip6: "fdcc:c10d::7", ports: { http: 80/tcp } }
`;

/** podns-zones(5). */
export function zonesPage(version) {
  return [
    heading('podns-zones', 5, version, 'podns'),
    section('NAME'),
    'podns\\-zones \\- zone files of podns\n',
    section('DESCRIPTION'),
    paragraph(
      'A zones folder holds `*.yaml` files, one VPC per YAML document. Edits take effect within 200 ms. Anchors, aliases and the merge key `<<` work; keys that begin with `x-` are ignored; any other unknown key is an error. `podns check DIR` lists every mistake as file:line:col.',
    ),
    paragraph(
      'Write a new version beside the file and rename it over the old one: so podns never reads half a file.',
    ),
    verbatim(ZONE_EXAMPLE.trimEnd()),
    ...Object.entries(FIELD_REFERENCE).flatMap(([kind, fields]) => [
      section(KIND_TEXTS[kind][0]),
      paragraph(KIND_TEXTS[kind][1]),
      ...Object.entries(fields).map(
        ([name, { takes, doc, default: fallback, example }]) =>
          item(`${bold(`${name}:`)} ${italic(takes)}`, `${doc} Default: ${fallback}. Example:`) +
          `.br\n${prose(`\`${example}\``)}\n`,
      ),
    ]),
    section('SEE ALSO'),
    '.BR podns (1),\n.BR podns.yaml (5)\n',
  ].join('');
}

export { KIND_TEXTS };
