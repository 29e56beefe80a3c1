/** Starts the page: polls the server while somebody can see it, and goes where the address points. */
import { ApiError, askJson, reasonText } from './api.js';
import { showCard } from './card.js';
import { byId } from './dom.js';
import { followEvents, setUpEvents, stopEvents } from './events.js';
import { setUpExplain, showExplain } from './explain.js';
import { setUpFind, showFind } from './find.js';
import { showHealth, showLost } from './health.js';
import { setUpLogin } from './login.js';
import { forgetReadings, readTraffic, setUpPlots } from './plots.js';
import { routeOf } from './route.js';
import { showSources } from './sources.js';

/** Milliseconds between two questions. */
const STATUS_PAUSE = 3000;
const TRAFFIC_PAUSE = 2000;

/** Ends what an earlier start has begun. */
let run = new AbortController();

function start() {
  stop();
  run = new AbortController();
  void repeat(STATUS_PAUSE, run.signal, readStatus);
  void repeat(TRAFFIC_PAUSE, run.signal, readTraffic);
  void followEvents();
  void follow(location.hash !== '');
}

function stop() {
  run.abort();
  stopEvents();
  forgetReadings();
}

async function readStatus() {
  try {
    const status = await askJson('/v1/status');
    showSources(status);
    await showHealth(status);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) showLost(reasonText(error));
  }
}

/**
 * One after the other, never two at once, and none while nobody can see the page.
 * @param {number} pause
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} work
 */
async function repeat(pause, signal, work) {
  while (!signal.aborted) {
    if (!document.hidden) await work().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/**
 * Shows what the address names.
 * @param {boolean} move whether to go there, too
 */
async function follow(move) {
  const { section, fields } = routeOf(location.hash);
  const heading = document.getElementById(`${section}-heading`);
  if (heading === null || byId('main').hidden) return;
  if (section === 'card') await showCard(fields);
  else if (section === 'explain') await showExplain(fields);
  else if (section === 'find' && fields.has('q')) await showFind(fields.get('q') ?? '');
  if (!move) return;
  // Whoever wants to find something wants to type.
  const target = section === 'find' ? byId('find-text') : heading;
  heading.scrollIntoView({ block: 'start' });
  target.focus({ preventScroll: true });
}

setUpPlots();
setUpFind();
setUpExplain();
setUpEvents();
addEventListener('hashchange', () => void follow(true));
// The same section again: the address does not change, and whoever chose it still wants to go there.
byId('nav').addEventListener('click', (event) => {
  const link = /** @type {HTMLElement} */ (event.target).closest('a');
  if (link?.getAttribute('href') === location.hash) void follow(true);
});
setUpLogin({ start, stop });
start();
