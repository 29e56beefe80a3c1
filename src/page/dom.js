/** Elements made of text and other elements: nothing on the page is ever parsed as HTML. */
import { plain } from './text.js';

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @param {string} id of index.html
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * @param {string} id
 * @returns {HTMLInputElement}
 */
export function inputById(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}

/**
 * Attributes are set as text; `onclick` and its like are listeners.
 * @param {string} tag
 * @param {Record<string, string | boolean | ((event: Event) => void)>} attributes
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...nodesOf(children));
  return element;
}

/**
 * @param {readonly Child[]} children
 * @returns {Node[]}
 */
function nodesOf(children) {
  const nodes = [];
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    nodes.push(child instanceof Node ? child : document.createTextNode(plain(child)));
  }
  return nodes;
}

/**
 * Text of a record, whose direction of writing changes nothing around it.
 * @param {unknown} text
 */
export function value(text) {
  return el('bdi', { class: 'value' }, plain(text));
}

/**
 * Leaves the element alone where it says this already: readers of the screen are told of changes only.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  const shown = plain(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/**
 * @param {Element} element
 * @param {...Child} children
 */
export function replace(element, ...children) {
  element.replaceChildren(...nodesOf(children));
}

/**
 * A list of terms with their values; rows without a value are left out.
 * @param {readonly (readonly [string, Child | readonly Child[]])[]} rows
 */
export function facts(rows) {
  const list = el('dl', { class: 'facts' });
  for (const [term, child] of rows) {
    const children = Array.isArray(child) ? child : [child];
    if (nodesOf(children).length === 0 || children[0] === '') continue;
    list.append(el('dt', {}, term), el('dd', {}, ...children));
  }
  return list;
}
