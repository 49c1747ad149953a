// Owns the scenarios of CPU time per request: forwarded, refused, over TLS, with two workers.
import { ALL_CORES } from '../core/processes.ts';
import { EVERYONE, PLAIN, inTurns, load, openLoop } from './scenario.ts';
import type { Scenario } from './scenario.ts';

/** Each with one request a second. */
const LOW_RATE_PHONES = 2_000;
/** At this rate V8 takes long to find out what is worth optimising. */
const LOW_RATE_WARM_UPS = 3;

export const REQUEST_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    name: 'hot-path',
    text: 'an allowed Sync of 64 bytes is forwarded; access logs off',
    figure: 'cpuMicrosPerRequest',
    rivals: [...EVERYONE, 'easgate-policy', 'direct'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds)),
  },
  {
    ...PLAIN,
    name: 'hot-path-changing',
    text: 'the same, with a head that is never the one before it',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { kind: 'changing' })),
  },
  {
    ...PLAIN,
    name: 'low-rate',
    text: '2,000 connections with one request a second each, open loop',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(
        runs,
        effort,
        name,
        (running) => openLoop(running, effort.seconds, LOW_RATE_PHONES),
        LOW_RATE_WARM_UPS,
      ),
  },
  {
    ...PLAIN,
    logged: true,
    name: 'hot-path-logged',
    text: 'the same, with an access log to a file',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds)),
  },
  {
    ...PLAIN,
    name: 'block',
    text: 'a blocked device is refused by the gateway',
    figure: 'cpuMicrosPerRequest',
    rivals: [...EVERYONE, 'easgate-policy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { kind: 'block' })),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls',
    text: 'the forwarded Sync, over TLS 1.3 towards the phones',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { secure: true })),
  },
  {
    ...PLAIN,
    name: 'workers',
    text: 'two workers on two cores against one; the load shares these cores',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate-1', 'easgate-2'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { cores: ALL_CORES })),
  },
];
