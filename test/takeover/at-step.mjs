/** Loaded into a process of podns before its program: ends it, or stops it, at a step of a takeover. */
import { subscribe } from 'node:diagnostics_channel';

const { AT_STEP: at, SIGNAL: signal = 'SIGKILL' } = process.env;
subscribe('podns.takeover', ({ step }) => {
  if (step === at) process.kill(process.pid, signal);
});
