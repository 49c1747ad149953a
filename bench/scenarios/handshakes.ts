// Owns the scenarios of CPU time per TLS handshake.
import { LOAD_CORE, cpuMicros, line, start, stop } from '../core/processes.ts';
import type { Sample } from '../core/report.ts';
import { PLAIN, inTurns } from './scenario.ts';
import type { Running, Scenario } from './scenario.ts';

export const HANDSHAKE_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    tls: true,
    name: 'tls-handshakes',
    text: 'new TLS connections with a full handshake (ECDSA P-256)',
    figure: 'cpuMicrosPerHandshake',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => shakeHands(running, effort.seconds, 'full')),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls-resumed',
    text: 'new TLS connections that resume a session with its ticket',
    figure: 'cpuMicrosPerHandshake',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => shakeHands(running, effort.seconds, 'resumed')),
  },
];

async function shakeHands(
  { process: child, port }: Running,
  seconds: number,
  kind: 'full' | 'resumed',
): Promise<Sample> {
  if (child?.pid === undefined) return {};
  const before = cpuMicros(child.pid);
  const words = ['bench/core/handshakes.ts', String(port), String(seconds), kind];
  const client = start(LOAD_CORE, process.execPath, words);
  const [, json = '{}'] = await line(client, /^(\{.*\})$/m, (seconds + 30) * 1_000);
  const after = cpuMicros(child.pid);
  await stop(client);
  const { total, errors, perSecond } = JSON.parse(json) as Record<'total' | 'errors' | 'perSecond', number>;
  return { cpuMicrosPerHandshake: (after - before) / total, requestsPerSecond: perSecond, errors };
}
