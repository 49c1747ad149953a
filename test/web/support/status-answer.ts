// Owns a made-up answer of `showStatus`: the API of the tests has no workers.
import type { AnswerOf } from '../../../src/api/contract/operations.ts';

const DAY = 86_400_000;

/** Four workers, of which one is late and one lost a mail server. */
export function statusAnswer(now = Date.now()): AnswerOf<'showStatus'> {
  const worker = (place: number, stateAgeMs: number, mailServersUsable: number, logLinesDropped = 0) => ({
    pid: 4_100 + place,
    uptimeSeconds: 9 * 86_400 - place,
    health: { store: true, mailServer: true },
    store: 'redis',
    position: `1764350400000-${place}`,
    stateAgeMs,
    memoryBytes: 212e6 + place * 7e6,
    counters: { heldPolls: 2_300 + place * 21, mailServersUsable, logLinesDropped, journalEntriesDropped: 0 },
    policies: {
      live: { version: 14, name: 'baseline', hash: 'c0ffee', warnings: [] },
      shadow: null,
      rollout: null,
    },
  });
  return {
    gateway: 'eas.example.com',
    version: '1.0.0',
    pid: 4_000,
    startedAt: new Date(now - 9 * DAY).toISOString(),
    phase: 'serving',
    policy: { name: null, file: null },
    warnings: [],
    workers: [worker(1, 420, 2), worker(2, 380, 2), worker(3, 14_200, 2, 312), worker(4, 410, 1)],
    traffic: {
      requestsPerSecond: 412.4,
      failures: [
        {
          code: 'EASGATE_CREDENTIALS_BUSY',
          meaning: 'the credentials could not be checked within 15 seconds',
          count: 2_134,
          lastMinute: 12,
        },
        {
          code: 'EASGATE_UPSTREAM_TIMEOUT',
          meaning: 'no response head within upstream.responseTimeoutSeconds',
          count: 40,
          lastMinute: 0,
        },
      ],
    },
    control: {
      pid: 4_099,
      uptimeSeconds: 9 * 86_400,
      memoryBytes: 148e6,
      readModel: {
        phase: 'following',
        rows: 12_846,
        position: '1764350400000-9',
        ageMs: 600,
        seenAgeMs: 3_800,
        trouble: null,
        bytes: 38_400_000,
      },
      leader: { isLeader: true, holder: 'gw1', fence: 3 },
      warnings: [],
      endingExceptions: [],
    },
    mailServers: ['mail1.example.com:443', 'mail2.example.com:443'],
    certificates: [
      {
        place: 'listen.tls.certificates.0.certificate',
        name: 'eas.example.com',
        endsAt: new Date(now + 12.5 * DAY).toISOString(),
      },
      {
        place: 'admin.tls.certificate',
        name: 'gw1.example.com',
        endsAt: new Date(now + 212 * DAY).toISOString(),
      },
    ],
    metrics: '127.0.0.1:9782',
  };
}
