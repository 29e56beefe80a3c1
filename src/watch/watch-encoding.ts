/** Changes as lines: of the watch stream, and of the stream of events. */
import type { Change } from '../catalog/change.ts';
import type { ResourceKey } from '../model.ts';

/** What names a resource, as the watch stream writes it. */
function objectOf({ kind, vpc, namespace, name }: ResourceKey): object {
  if (kind === 'vpc') return { kind, name: vpc };
  if (kind === 'namespace') return { kind, vpc, name: namespace };
  return { kind, vpc, namespace, name };
}

/** A `put` or `delete` of the watch stream, without its last brace. */
export function watchLine(change: Change, revision: string, at: number | undefined): string {
  const when = at === undefined ? '' : `,"at":"${new Date(at).toISOString()}"`;
  const start = `{"type":"${change.type}","revision":"${revision}"${when}`;
  if (change.type === 'delete') return `${start},"object":${JSON.stringify(objectOf(change.key))}`;
  return `${start},"stamp":${stampJson(change.stamp)},"object":${JSON.stringify(change.resource)}`;
}

/** A number where every JSON reader reads it exactly, else text. */
export function stampJson(stamp: bigint): string {
  return stamp <= Number.MAX_SAFE_INTEGER ? String(stamp) : `"${stamp}"`;
}

/** `lost`: since when this server is cut off from a source, milliseconds since 1970; 0: it is not. */
export function bookmarkLine(revision: string, lost: number): string {
  const cut = lost === 0 ? '' : `,"lost":"${new Date(lost).toISOString()}"`;
  return `{"type":"bookmark","revision":"${revision}"${cut}}\n`;
}

/** Which change of which source became answerable, and when. */
export function eventLine(change: Change, time: number): string {
  const object = change.type === 'put' ? change.resource : objectOf(change.key);
  const { type, source, revision } = change;
  return `${JSON.stringify({ time: new Date(time).toISOString(), type, source, revision, object })}\n`;
}
