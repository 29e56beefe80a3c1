/**
 * Loads bundles with what V8 compiled of them when they were built: compiling their text took a third of a start. The build
 * copies this file beside them. A version of Node.js for which nothing was compiled, or whose V8 refuses it, compiles the
 * text; nothing is ever written here, so that the package may be read-only.
 */
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

/** V8 looks at its own version and flags, but not at the architecture. */
const COMPILED_FOR = `.${process.version}-${process.arch}.compiled`;
/** By name. @type {Map<string, { exports: any }>} */
const modules = new Map();

/** Undefined where nothing was compiled for this Node.js. @param {string} path */
function compiled(path) {
  try {
    return readFileSync(path + COMPILED_FOR);
  } catch {
    return undefined;
  }
}

/**
 * The exports of a bundle of this folder: a function expression with the parameters of a CommonJS module, all characters
 * of one octet. @param {string} name
 */
function load(name) {
  const known = modules.get(name);
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  modules.set(name, module);
  const path = join(__dirname, name);
  // What was compiled has the file name that it was compiled with, which must not be a path of that machine.
  const script = new Script(readFileSync(path, 'latin1'), {
    filename: `podns/bundle/${name}`,
    cachedData: compiled(path),
  });
  script.runInThisContext()(module.exports, requireFrom, module, path, __dirname);
  return module.exports;
}

/** @param {string} id */
function requireFrom(id) {
  return id.startsWith('./') ? load(id.slice(2)) : require(id);
}

module.exports = { COMPILED_FOR, load };
