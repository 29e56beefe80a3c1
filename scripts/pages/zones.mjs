/** docs/zones.md: the reference of zone files, made of the table that the manual page uses too. */
import { FIELD_REFERENCE } from '../../dist/source/validate/field-reference.js';
import { KIND_TEXTS, ZONE_EXAMPLE } from './man.mjs';

const cell = (text) => text.replaceAll('|', '\\|');

export function zonesMarkdown() {
  const kinds = Object.entries(FIELD_REFERENCE).flatMap(([kind, fields]) => [
    `## ${KIND_TEXTS[kind][0] === 'VPC' ? 'VPC' : KIND_TEXTS[kind][0].charAt(0) + KIND_TEXTS[kind][0].slice(1).toLowerCase()}`,
    KIND_TEXTS[kind][1],
    [
      '| field | takes | default | what for | example |',
      '| --- | --- | --- | --- | --- |',
      ...Object.entries(fields).map(
        ([name, { takes, default: fallback, doc, example }]) =>
          `| \`${name}\` | ${cell(takes)} | ${cell(fallback)} | ${cell(doc)} | \`${cell(example)}\` |`,
      ),
    ].join('\n'),
  ]);
  return (
    [
      '# Zone files',
      'A zones folder holds `*.yaml` files, one VPC per YAML document. Edits take effect within 200 ms. Anchors, aliases and the merge key `<<` work; keys that begin with `x-` are ignored; any other unknown key is an error.',
      `\`\`\`yaml\n${ZONE_EXAMPLE}\`\`\``,
      'Write a new version beside the file and rename it over the old one: so podns never reads half a file. `podns check DIR` lists every mistake as `file:line:col: reason`. Editors check and complete zone files by [zones/schema.json](../zones/schema.json).',
      'Names are folded to lower case. A label has 1 to 63 octets: letters, digits, `-` and `_`. Names of pods and services may contain dots. The namespaces `localhost` and `arpa` are reserved.',
      ...kinds,
    ].join('\n\n') + '\n'
  );
}
