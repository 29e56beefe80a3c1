/** Questions to the server that this page came from, with the token where one is needed. */

const TOKEN = 'podns-token';

/** The server has answered, and it is not what was wished for. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} text
   */
  constructor(status, text) {
    super(text);
    this.name = 'ApiError';
    this.status = status;
  }
}

/** @type {(wrong: boolean) => void} */
let onRefused = () => undefined;

/**
 * Who shows the login; `wrong`: a token was sent, and it is not the server's.
 * @param {(wrong: boolean) => void} listener
 */
export function whenRefused(listener) {
  onRefused = listener;
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

/** @param {string} token '' forgets it */
export function keepToken(token) {
  if (token === '') sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, token);
}

/**
 * Throws ApiError for any status but 200, TypeError where the server cannot be reached.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function ask(path, signal) {
  const token = sessionStorage.getItem(TOKEN);
  /** @type {Record<string, string>} */
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(path, { headers, cache: 'no-store', signal: signal ?? null });
  if (response.ok) return response;
  const text = (await response.text()).trim();
  if (response.status === 401) onRefused(token !== null);
  throw new ApiError(response.status, text);
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function askJson(path, signal) {
  const response = await ask(path, signal);
  return response.json();
}

/**
 * In words, for a person.
 * @param {unknown} error
 */
export function reasonText(error) {
  if (error instanceof ApiError)
    return error.message === '' ? `the server answers ${error.status}` : error.message;
  return 'the server does not answer';
}
