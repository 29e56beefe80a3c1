/** Addresses inside the page, `#/explain?name=db&from=shop/web`, which can be sent to others. */

/**
 * @param {string} section
 * @param {Record<string, string>} fields
 */
export function addressOf(section, fields) {
  const query = new URLSearchParams(Object.entries(fields).filter(([, text]) => text !== ''));
  // A slash needs no escape here, and reads better.
  return `#/${section}?${query.toString().replaceAll('%2F', '/').replaceAll('%3A', ':')}`;
}

/**
 * @param {string} hash
 * @returns {{ section: string, fields: URLSearchParams }}
 */
export function routeOf(hash) {
  const match = /^#\/([a-z]+)(?:\?(.*))?$/s.exec(hash);
  return { section: match?.[1] ?? '', fields: new URLSearchParams(match?.[2] ?? '') };
}
