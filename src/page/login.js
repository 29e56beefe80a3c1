/** Asks for the token where the server wants one, and keeps it for this tab. */
import { hasToken, keepToken, whenRefused } from './api.js';
import { byId, inputById, setText } from './dom.js';

/** What a header can carry. */
const SENDABLE = /^[\x21-\x7e]+$/;

/** @param {{ start: () => void, stop: () => void }} page */
export function setUpLogin(page) {
  const field = inputById('token');
  whenRefused((wrong) => {
    page.stop();
    keepToken('');
    setText(byId('login-wrong'), wrong ? 'This is not the token of this server.' : '');
    show(false);
    field.focus();
  });
  byId('login-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const token = field.value.trim();
    if (!SENDABLE.test(token)) {
      setText(byId('login-wrong'), 'A token has only letters, digits and signs of ASCII, without spaces.');
      return;
    }
    keepToken(token);
    field.value = '';
    show(true);
    page.start();
  });
  byId('logout').addEventListener('click', () => {
    page.stop();
    keepToken('');
    show(false);
    field.focus();
  });
  show(true);
}

/** @param {boolean} known Whether there is anything to show. */
function show(known) {
  byId('login').hidden = known;
  byId('main').hidden = !known;
  byId('nav').hidden = !known;
  byId('logout').hidden = !known || !hasToken();
  if (!known) setText(byId('ready'), 'A token is needed.');
  byId('ready').className = 'ready';
}
