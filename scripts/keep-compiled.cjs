/**
 * For the build, with `node --require`: in each thread of a run of the bundled command, keeps beside each bundle what V8
 * has compiled of it by the thread's end, with the functions that were called. KEEP_COMPILED_IN is the bundles' folder.
 */
'use strict';
const { renameSync, writeFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');
const threads = require('node:worker_threads');

const { Script } = vm;
const folder = process.env.KEEP_COMPILED_IN ?? '';
/** By the name of the bundle. @type {Map<string, vm.Script>} */
const scripts = new Map();

vm.Script = class extends Script {
  /** @param {string} text @param {vm.ScriptOptions & { filename: string }} options */
  constructor(text, options) {
    // What an earlier run compiled would be all that there is to keep.
    super(text, { ...options, cachedData: undefined });
    if (options.filename.startsWith('podns/bundle/')) scripts.set(basename(options.filename), this);
  }
};

// V8 takes what was compiled only under the same flags, and no start has changed them when it loads.
v8.setFlagsFromString = () => undefined;

const { Worker } = threads;
threads.Worker = class extends Worker {
  /** @param {URL} module @param {import('node:worker_threads').WorkerOptions} options */
  constructor(module, options) {
    super(module, { ...options, execArgv: ['--require', __filename] });
  }
};

process.on('exit', () => {
  const { COMPILED_FOR } = require(join(folder, 'loader.cjs'));
  for (const [name, script] of scripts) {
    const kept = join(folder, name + COMPILED_FOR);
    // Threads that end at once keep the same bundle.
    const own = `${kept}.${process.pid}-${threads.threadId}`;
    writeFileSync(own, script.createCachedData());
    renameSync(own, kept);
  }
});
