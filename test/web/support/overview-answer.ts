// Owns a made-up answer of `showOverview`: trends need hours of a running gateway.
import type { AnswerOf } from '../../../src/api/contract/operations.ts';

const HOUR = 3_600_000;
const wave = (steps: number, base: number, height: number): number[] =>
  Array.from({ length: steps }, (_, step) =>
    Math.round(base + height * (1 + Math.sin(step / 6)) * (step / steps)),
  );

/** As after a day of operation. */
export function overviewAnswer(now = Date.now()): AnswerOf<'showOverview'> {
  const iso = (minutesAgo: number): string => new Date(now - minutesAgo * 60_000).toISOString();
  const tile = (count: number, changed: number, height: number) => ({
    count,
    changed,
    trend: wave(48, count - height, height / 2),
  });
  const refusal = (
    at: number,
    user: string,
    device: string,
    state: 'quarantined' | 'blocked',
    reason: string,
    model: string,
    count: number,
  ) => ({
    at: iso(at),
    user: `${user}@example.com`,
    device,
    state,
    reason,
    rule: null,
    model,
    os: null,
    count,
  });
  return {
    gateway: 'eas.example.com',
    range: '24h',
    asOf: iso(0),
    tiles: {
      allowed: tile(12_189, 31, 300),
      quarantined: tile(586, 52, 60),
      blocked: tile(71, -2, 10),
      unknown: tile(188, 9, 20),
      wiping: tile(3, 1, 2),
      exceptions: tile(24, 4, 8),
    },
    devices: 1_000,
    unknownSplit: { allowed: 17, quarantined: 171, blocked: 0 },
    reasons: [
      { state: 'quarantined', reason: 'notEncrypted', phones: 210 },
      { state: 'quarantined', reason: 'unknownDevice', phones: 171 },
      { state: 'quarantined', reason: 'osTooOld', phones: 122 },
      { state: 'quarantined', reason: 'notCheckedIn', phones: 83 },
      { state: 'blocked', reason: 'individualRule', phones: 40 },
      { state: 'blocked', reason: 'deviceRule', phones: 31 },
    ],
    refusals: [
      refusal(1, 'clara', 'androidc1462783', 'quarantined', 'notEncrypted', 'Pixel 8', 14),
      refusal(2, 'ben', 'applf17qn3k20dd', 'quarantined', 'unknownDevice', 'iPhone 15', 3),
      refusal(4, 'greta', 'sec1a9c07e4b2f31', 'blocked', 'individualRule', 'Galaxy S23', 61),
      refusal(7, 'farid', 'sec55d0bb8a9021c', 'quarantined', 'osTooOld', 'Galaxy A13', 9),
      refusal(11, 'elif', 'applq8w2m5v0x9', 'quarantined', 'notEnrolled', 'iPad Air', 2),
      refusal(16, 'hana', 'appld0n7r33e1t', 'quarantined', 'notCheckedIn', 'iPhone 12', 22),
      refusal(21, 'ivo', 'androida77e0c35d1', 'blocked', 'tooManyDevices', 'Pixel 7a', 4),
    ],
    traffic: {
      requestsPerSecond: 412.4,
      heldPolls: 9_310,
      requests: wave(60, 380, 40),
      verdicts: Array.from({ length: 48 }, (_, step) => ({
        at: new Date(now - (48 - step) * (HOUR / 2)).toISOString(),
        allowed: Math.round(20_000 + 12_000 * Math.sin(step / 7)),
        quarantined: Math.round(90 + 60 * Math.sin(step / 7) + (step > 42 ? 90 : 0)),
        blocked: Math.round(20 + 10 * Math.sin(step / 5)),
      })),
    },
    health: {
      gateway: { state: 'good', text: '4 of 4 workers run' },
      directory: { state: 'good', text: 'answers in 0.6 ms' },
      mailServers: { state: 'good', text: '2 of 2 are healthy' },
      feeds: { state: 'degraded', text: 'directory: stale for 3 h' },
      certificates: { state: 'degraded', text: 'eas.example.com: 12 days left' },
    },
    warnings: [
      {
        code: 'EASGATE_NO_COMPLIANCE_POLICY',
        text: 'No compliance policy applies to the group contractors: the devices of 214 users pass unchecked.',
        since: iso(24 * 60 * 23),
        page: '/policy',
      },
      {
        code: 'EASGATE_FEED_STALE',
        text: 'The feed directory is stale: its last good run was 3 hours ago, and it is due every 15 minutes.',
        since: iso(192),
        page: '/feeds',
      },
    ],
    stateAgeMs: 1_400,
  };
}
