/** An explanation as a person reads it aloud: short sentences, in the order in which things happened. */
import type {
  Candidate,
  ClientExplained,
  Explanation,
  OutsideExplained,
  ProvenanceExplained,
} from './explanation.ts';
import { resolverLines } from './prose-resolvers.ts';

/** Lines of one section, without its title and indent. */
type Lines = string[];

/** Whole lines, the last one ended. */
export function explanationText(explanation: Explanation): string {
  const sections: [string, Lines][] = [
    ['Who asks', clientLines(explanation.client)],
    ['How the name is read', readingLines(explanation)],
    ['Who answers for it', candidateLines(explanation)],
    ['Where it goes', outsideLines(explanation.outside)],
    ['The answer', answerLines(explanation)],
    ['Did you mean', explanation.near.map(({ name, text }) => `\`${name}\`? ${text}`)],
    ['What programs in the pod do', resolverLines(explanation)],
  ];
  const texts = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`);
  return [`${headline(explanation)}\n`, ...texts].join('\n');
}

function headline({ question, client, answer }: Explanation): string {
  const who = client.pod === null ? client.address : `pod ${client.pod}`;
  const head = `${who} asks for ${question.name} ${question.type}`;
  switch (answer.outcome) {
    case 'dropped':
      return `${head} and gets no answer.`;
    case 'forwarded':
      return `${head}: an outside name, for an upstream to answer.`;
    case 'held':
      return `${head}, waits, and gets ${outcomeWords(explanationOutcome(answer))} if nothing changes.`;
    default:
      return `${head} and gets ${outcomeWords(explanationOutcome(answer))}.`;
  }
}

function explanationOutcome({ rcode, records, moreRecords, flags }: Explanation['answer']): {
  rcode: string;
  count: number;
  truncated: boolean;
} {
  return {
    rcode: rcode ?? '',
    count: records.length + moreRecords,
    truncated: flags.split(' ').includes('tc'),
  };
}

function outcomeWords({ rcode, count, truncated }: ReturnType<typeof explanationOutcome>): string {
  if (rcode === 'NXDOMAIN') return 'NXDOMAIN: there is no such name';
  if (rcode !== 'NOERROR') return rcode;
  if (truncated) return `${records(count)}, truncated: it is to ask again over TCP`;
  return count === 0 ? 'no data: the name exists, without records of this type' : records(count);
}

function records(count: number): string {
  return count === 1 ? 'one record' : `${count} records`;
}

function clientLines(client: ClientExplained): Lines {
  const { address, listener, isOpen, vpc, namespace, pod } = client;
  const at = isOpen
    ? `The query comes from ${address} to the listener ${listener}.`
    : `The query comes from ${address}. No listener for it is open, so it counts as one to ${listener}.`;
  const lines = [at, ...client.found];
  const known = client.status === 'known' || client.status === 'pod-unknown';
  if (!known) return lines;
  const none = client.status === 'known' ? 'without a namespace' : 'namespace unknown';
  const where = `VPC ${vpc}, ${namespace === null ? none : `namespace ${namespace}`}`;
  const unnamed = client.status === 'pod-unknown' ? 'an unknown pod' : 'a client that is no pod,';
  lines.push(`So the client is ${pod === null ? unnamed : `pod ${pod}`} of ${where}.`);
  return lines;
}

function readingLines({ reading }: Explanation): Lines {
  return reading.map(({ fits, text, of }) => {
    const mark = fits ? 'fits' : '-   ';
    return of === null ? `${mark}  ${text}` : `        of \`${of}\`, the rest: ${text}`;
  });
}

function candidateLines({ candidates, moreCandidates }: Explanation): Lines {
  const lines: Lines = [];
  for (const candidate of candidates) lines.push(...oneCandidate(candidate));
  if (moreCandidates > 0) lines.push(`+${moreCandidates} more`);
  return lines;
}

function oneCandidate({ kind, name, taken, why, addresses, ports, provenance }: Candidate): Lines {
  const head = kind === 'host' ? `${name} under hosts` : `${kind} ${name}`;
  const reason = why === null ? '' : `: ${why}`;
  const lines = [
    `${taken ? 'taken' : 'left out'}  ${head}${reason}${provenance === null ? '' : `  [${originText(provenance)}]`}`,
  ];
  for (const { address, overlay, given, why: left } of addresses) {
    const on = overlay === null ? '' : ` on overlay ${overlay}`;
    const mark = left === null ? (given ? 'given' : 'not given') : given ? left : `left out, ${left}`;
    lines.push(`    ${address}${on}: ${mark}`);
  }
  if (ports.length > 0) lines.push(`    ${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}`);
  return lines;
}

function originText({ source, revision, place, age, shadowed }: ProvenanceExplained): string {
  const parts = [place ?? source, `revision ${revision}`];
  // One that was read a moment ago, as with files, tells nothing.
  if (age !== null && (age.seconds > 0 || !age.atLeast))
    parts.push(`${age.atLeast ? 'at least ' : ''}${durationText(age.seconds)} old`);
  if (shadowed.length > 0) parts.push(`also reported by ${shadowed.join(', ')}`);
  return parts.join(', ');
}

/** `3 s`, `5 min`, `2 h`, `4 days`: two figures are enough for people. */
export function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

function outsideLines(outside: OutsideExplained | null): Lines {
  if (outside === null) return [];
  const { policy, route, from, upstreams, leftOut, cache } = outside;
  const lines: Lines = [];
  if (route !== null) {
    const whose = route.of === 'vpc' ? 'the VPC' : 'the configuration';
    lines.push(`A route of ${whose} leads names at and below ${route.suffix} to upstreams of their own.`);
  } else
    lines.push(
      `The VPC forwards it (forward: ${Array.isArray(policy) ? policy.join(', ') : policy}); no route names it.`,
    );
  const states = upstreams.map(
    ({ upstream, state, reason }) => `${upstream} (${state}${reason === '' ? '' : `: ${reason}`})`,
  );
  lines.push(
    upstreams.length === 0
      ? `No upstream is left: ${from} names none that can be asked.`
      : `Upstreams, named by ${from}, in this order: ${states.join(', ')}.`,
  );
  if (leftOut.length > 0) lines.push(`Left out: ${leftOut.join('; ')}.`);
  lines.push(cacheText(cache));
  return lines;
}

function cacheText({ state, seconds }: OutsideExplained['cache']): string {
  switch (state) {
    case 'fresh':
      return `The answer is in the cache, for ${durationText(seconds)} more.`;
    case 'expired':
      return 'The cache has an expired answer, which is given if no upstream answers in time.';
    case 'failed':
      return 'All upstreams failed within the last second; that is not tried again yet.';
    case 'none':
      return 'The cache has nothing for it. Nobody was asked for this explanation: `podns query` with --from does.';
  }
}

function answerLines({ answer, reasons, question }: Explanation): Lines {
  const { outcome, rcode, flags, ttl, ede } = answer;
  if (outcome === 'dropped') return ['None: the packet is dropped.'];
  if (outcome === 'forwarded') return ['What the upstream answers.'];
  const lines: Lines = [];
  if (outcome === 'held')
    lines.push('The query is held for a moment, because what it needs may be on its way. If nothing comes:');
  const size = question.protocol === 'tcp' ? 'over TCP' : `over UDP, at most ${question.size} octets`;
  lines.push(
    `${rcode}, flags ${flags === '' ? 'none' : flags}${ttl === null ? '' : `, TTL ${ttl} s`}, ${size}`,
  );
  for (const record of answer.records) lines.push(`    ${record}`);
  if (answer.moreRecords > 0) lines.push(`    +${answer.moreRecords} more`);
  for (const record of answer.authority) lines.push(`    authority: ${record}`);
  for (const record of answer.additional) lines.push(`    additional: ${record}`);
  if (answer.moreAdditional > 0) lines.push(`    +${answer.moreAdditional} more`);
  if (ede !== null) lines.push(`Extended error ${ede.code} (${ede.purpose}): ${ede.text}`);
  if (reasons.length > 0) lines.push(`Because: ${reasons.map(({ text }) => text).join('; ')}.`);
  return lines;
}
