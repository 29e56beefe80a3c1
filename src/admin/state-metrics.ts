/** The view and where it comes from: sources, ages, problems, the watch stream, and how long changes take. */
import { KINDS } from '../model.ts';
import type { ServerCore } from '../server.ts';
import { BOUNDS, type Histogram } from '../server/histogram.ts';
import type { Metrics, Observed } from './metric-kinds.ts';

export function stateMetrics(server: ServerCore, metrics: Metrics): void {
  problems(server, metrics);
  sources(server, metrics);
  ages(server, metrics);
  watch(server, metrics);
  const { committed, received } = server.feed;
  metrics.histogram(
    'podns_propagation_seconds',
    "Time from the control plane's commit of a change to answerable, where the source tells it.",
    (put) => put({}, observedOf(committed)),
  );
  metrics.histogram(
    'podns_apply_seconds',
    'Time from the arrival of a change to answerable: what podns itself adds.',
    (put) => put({}, observedOf(received)),
  );
}

function problems(server: ServerCore, metrics: Metrics): void {
  metrics.gauge(
    'podns_problems',
    'What stands wrong now, by kind: alert on it; podns problems says what and what helps.',
    ['kind'],
    (put) => {
      server.observing.look();
      for (const [kind, count] of server.observing.problems.counts()) put({ kind }, count);
    },
  );
  metrics.gauge(
    'podns_held_records',
    'Records that a whole list of a source has left out and the shrink guard still serves.',
    ['source'],
    (put) => {
      for (const { name } of server.feed.states()) put({ source: name }, server.guard.records(name));
    },
  );
  metrics.counter(
    'podns_held_lists_total',
    'How often the shrink guard has held what a whole list takes away from a VPC.',
    [],
    (put) => put({}, server.guard.total),
  );
  metrics.gauge(
    'podns_ready',
    '1 while /readyz says so: every source has delivered, and no file is without a good state.',
    [],
    (put) => put({}, server.readiness().ready ? 1 : 0),
  );
  metrics.gauge(
    'podns_resources',
    'Effective resources by kind; a sudden fall is a source gone wrong.',
    ['kind'],
    (put) => {
      for (const kind of KINDS) put({ kind }, server.restoring.count(kind));
    },
  );
}

function sources(server: ServerCore, metrics: Metrics): void {
  metrics.gauge(
    'podns_source_live',
    '1 while a source has delivered and is connected; at 0 its last view is served.',
    ['source'],
    (put) => {
      for (const { name, synced, state } of server.feed.states())
        put({ source: name }, synced && state === 'live' ? 1 : 0);
    },
  );
  metrics.gauge(
    'podns_source_heard_timestamp_seconds',
    'When a source last reported something, be it that there is nothing new.',
    ['source'],
    (put) => {
      for (const { name, lastHeard } of server.feed.states()) put({ source: name }, lastHeard / 1000);
    },
  );
  metrics.counter('podns_source_changes_total', 'Effective changes by source.', ['source'], (put) => {
    for (const { name, changes } of server.feed.states()) put({ source: name }, changes);
  });
}

function ages(server: ServerCore, metrics: Metrics): void {
  metrics.gauge(
    'podns_view_changed_timestamp_seconds',
    'When the view last changed, 0 for never in this run.',
    [],
    (put) => {
      let last = 0;
      for (const { lastChange } of server.feed.states()) last = Math.max(last, lastChange);
      put({}, last / 1000);
    },
  );
  metrics.gauge(
    'podns_saved_view_timestamp_seconds',
    'Up to when the view is saved: what a restart would begin with. Absent without a state folder.',
    [],
    (put) => {
      const { saved } = server.subscribers;
      if (saved !== undefined) put({}, saved.savedAt / 1000);
    },
  );
  metrics.gauge(
    'podns_reload_timestamp_seconds',
    'When the last reload (SIGHUP) was done, 0 for never in this run.',
    [],
    (put) => put({}, server.observing.reloadedAt / 1000),
  );
}

function watch(server: ServerCore, metrics: Metrics): void {
  const { watchServer } = server.subscribers;
  metrics.gauge('podns_watch_readers', 'Readers of our own watch stream.', [], (put) =>
    put({}, watchServer.facts().readers),
  );
  metrics.counter(
    'podns_watch_cut_total',
    'Readers that were too slow and were cut, by reason.',
    ['reason'],
    (put) => {
      for (const [reason, count] of Object.entries(watchServer.facts().cut)) put({ reason }, count);
    },
  );
  metrics.counter('podns_watch_refused_total', 'Readers that were refused, by reason.', ['reason'], (put) => {
    for (const [reason, count] of Object.entries(watchServer.facts().refused)) put({ reason }, count);
  });
  metrics.gauge(
    'podns_watch_history_bytes',
    'Octets of changes kept for readers that come back.',
    [],
    (put) => put({}, watchServer.facts().history.bytes),
  );
}

/** Milliseconds become seconds. */
export function observedOf({ counts, count, sum }: Histogram): Observed {
  return { bounds: BOUNDS.map((bound) => bound / 1000), counts, count, sum: sum / 1000 };
}
