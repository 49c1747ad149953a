// Owns made-up entries of the journal and the audit, as the API answers with them.
import type { AnswerOf } from '../../../src/api/contract/operations.ts';

type Event = AnswerOf<'queryJournal'>['rows'][number];

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

function event(
  minutes: number,
  kind: string,
  user: string | null,
  device: string | null,
  more: Partial<Event> = {},
): Event {
  return {
    at: ago(minutes),
    kind,
    user: user === null ? null : `${user}@example.com`,
    device,
    action: null,
    reason: null,
    rule: null,
    count: 1,
    gateway: 'gw1',
    seconds: null,
    facts: null,
    ...more,
  };
}

/** A day of events; of one device, or (null) all. */
export function journalAnswer(device: string | null): AnswerOf<'queryJournal'> {
  const rows = [
    event(1, 'device_refused', 'clara', 'androidc1462783', {
      action: 'quarantine',
      reason: 'notEncrypted',
      rule: 'compliance policy "baseline"',
      count: 14,
    }),
    event(4, 'device_refused', 'greta', 'sec1a9c07e4b2f31', {
      action: 'block',
      reason: 'individualRule',
      rule: 'device decision by nora',
      count: 61,
    }),
    event(12, 'feed_run', null, null, {
      reason: 'applied',
      facts: {
        feed: 'mdm',
        devices: 31,
        devicesRemoved: 4,
        users: 6,
        refused: 0,
        withProblems: 0,
        notJoined: 17,
      },
    }),
    event(40, 'verdict_changed', 'clara', 'androidc1462783', {
      action: 'quarantine',
      reason: 'notEncrypted',
      rule: 'compliance policy "baseline"',
    }),
    event(40, 'poll_ended', 'clara', 'androidc1462783'),
    event(90, 'device_shared', 'kofi', 'applm6t4y9u2i8'),
    event(200, 'policy_changed', null, null, { facts: { version: 14 } }),
    event(2_880, 'wipe_told', 'jana', 'androidb902fe1140'),
  ];
  const shown = rows.filter((row) => device === null || row.device === device);
  return { rows: shown, next: null, unreadable: 0 };
}

/** A few changes. */
export function auditAnswer(): AnswerOf<'queryAudit'> {
  const change = {
    via: 'api',
    user: null,
    device: null,
    subject: null,
    before: null,
    after: null,
    comment: null,
  };
  return {
    rows: [
      {
        ...change,
        at: ago(30),
        by: 'nora',
        operation: 'decide',
        device: 'sec1a9c07e4b2f31',
        after: { action: 'block' },
        comment: 'lost',
      },
      { ...change, at: ago(200), by: 'nora', operation: 'policy_publish', subject: 'version 14' },
    ],
    next: null,
    unreadable: 0,
  };
}
