/** A sink that checks what a source may say to it: calls in order, and only resources that are valid by themselves. */
import { load } from './code.mjs';
import { must } from './fault.mjs';

/** More problems of one scope are more than a person reads, and a memory that an input fills. */
const PROBLEMS_MAX = 2000;

/** As text with the fields of each object in the order of their names. */
function sorted(value) {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

export async function makeChecks() {
  const { validateResource } = await load('source/validate/validate.js');
  const { keyOf, keyText } = await load('model.js');

  /** Throws a Fault unless validation would say the same of what it said. */
  function checkResource(resource, what = 'resource') {
    const told = () => JSON.stringify(resource)?.slice(0, 400);
    const again = validateResource(structuredClone(resource), { unknownKeys: 'ignore' });
    must(
      again.issues === undefined,
      `an invalid ${what}`,
      () => `${JSON.stringify(again.issues)} in ${told()}`,
    );
    must(
      sorted(again.resource) === sorted(resource),
      `a ${what} that is not canonical`,
      () => `${told()} becomes ${JSON.stringify(again.resource)}`,
    );
  }

  class CheckingSink {
    /** What queries would see. @type {Map<string, string>} */
    visible = new Map();
    /** Key of every transaction's result, in order. */
    revision = '';
    ended = false;
    #draft;
    #onEnd;

    constructor(onEnd) {
      this.#onEnd = onEnd;
    }
    begin(full, revision) {
      must(this.#draft === undefined, 'begin inside a transaction');
      must(/^\d*$/.test(revision), 'a revision that is no number', revision);
      this.#draft = full ? new Map() : new Map(this.visible);
      this.revision = revision;
    }
    put(resource) {
      checkResource(resource);
      this.#inside('put').set(keyText(keyOf(resource)), JSON.stringify(resource));
    }
    delete(key) {
      this.#inside('delete').delete(keyText(key));
    }
    keep(key) {
      const text = keyText(key);
      const last = this.visible.get(text);
      if (last !== undefined) this.#inside('keep').set(text, last);
      return last !== undefined;
    }
    savedIn() {
      return Promise.resolve([]);
    }
    commit() {
      this.visible = this.#inside('commit');
      this.#draft = undefined;
      return undefined;
    }
    gather() {}
    resumed() {}
    rollback() {
      this.#inside('rollback');
      this.#draft = undefined;
    }
    bookmark() {
      must(this.#draft === undefined, 'bookmark inside a transaction');
    }
    state(state) {
      if (state === 'lost' || state === 'failed') this.#onEnd();
    }
    problems(_scope, problems) {
      must(problems.length <= PROBLEMS_MAX, 'too many problems', String(problems.length));
      for (const { reason } of problems)
        must(typeof reason === 'string' && reason !== '', 'a problem without a reason');
    }
    #inside(call) {
      must(this.#draft !== undefined, `${call} outside of a transaction`);
      return this.#draft;
    }
  }

  return { CheckingSink, checkResource, keyOf, keyText };
}
