// Owns the promises of the table of refusals: elements, HTTP statuses, client families.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REFUSED_COMMANDS, clientFamily, refusalAnswer } from '../../src/eas/refusals.ts';
import type { ClientFamily, EasAnswer, Refusal, RefusedCommand } from '../../src/eas/refusals.ts';
import { answersTable } from '../../src/gateway/access/describe-local-replies.ts';
import { vectors } from '../support/checks/fixtures.ts';
import { RESPONSE_RULES, statusesByRule } from '../support/checks/response-rules.ts';

/** MS-ASCMD 2.2.2: status, HTTP status before 14.0, and the same without a policy key. */
const EXPECTED: Readonly<Record<Refusal, readonly [number, number, number]>> = {
  deviceBlocked: [129, 403, 403],
  remoteWipe: [140, 449, 403],
  tooManyDevices: [177, 403, 403],
  tryLater: [111, 503, 503],
};
const REFUSALS = Object.keys(EXPECTED) as Refusal[];
const PROVISIONING: readonly Refusal[] = ['remoteWipe'];

const OLD = ['2.5', '12.0', '12.1', null] as const;
const NEW = ['14.0', '14.1', '16.0', '16.1'] as const;
const FAMILIES: readonly ClientFamily[] = ['ios', 'android', 'outlook', 'windows', 'thunderbird', 'other'];

const WITH_BODY = Object.keys(RESPONSE_RULES) as RefusedCommand[];
const WITHOUT_BODY = REFUSED_COMMANDS.filter((command) => !WITH_BODY.includes(command));

interface Combination {
  readonly refusal: Refusal;
  readonly command: RefusedCommand;
  readonly version: string | null;
  readonly family: ClientFamily;
  readonly key: boolean;
  readonly answer: EasAnswer;
}

function combinations(
  commands: readonly RefusedCommand[],
  versions: readonly (string | null)[],
): Combination[] {
  return REFUSALS.flatMap((refusal) =>
    commands.flatMap((command) =>
      versions.flatMap((version) =>
        FAMILIES.flatMap((family) =>
          [false, true].map((key) => ({
            refusal,
            command,
            version,
            family,
            key,
            answer: refusalAnswer(refusal, command, version, family, key),
          })),
        ),
      ),
    ),
  );
}

/** The required HTTP status where the EAS status cannot be sent in a body. */
function expectedHttp({ refusal, command, key }: Combination): number {
  if (PROVISIONING.includes(refusal) && (command === 'Provision' || command === 'OPTIONS')) return 403;
  return EXPECTED[refusal][key ? 1 : 2];
}

describe('refusalAnswer', () => {
  it('covers every command, with a body or without', () => {
    expect(WITHOUT_BODY).toEqual([
      'GetAttachment',
      'GetHierarchy',
      'CreateCollection',
      'DeleteCollection',
      'MoveCollection',
      'OPTIONS',
    ]);
    expect(WITH_BODY).toHaveLength(19);
  });

  it('puts the status into the root element of the command from 14.0 on', () => {
    const all = combinations(WITH_BODY, NEW).filter(
      ({ command, family, refusal }) =>
        !(command === 'Ping' && family === 'android') &&
        !(command === 'Provision' && PROVISIONING.includes(refusal)),
    );
    expect(all.length).toBeGreaterThan(2_000);
    for (const { command, refusal, answer } of all) {
      expect(answer).toMatchObject({ status: 200, reason: 'OK' });
      expect(answer.headers).toContain('Content-Type: application/vnd.ms-sync.wbxml\r\n');
      expect(statusesByRule(command, answer.body as Buffer)).toEqual([String(EXPECTED[refusal][0])]);
    }
  });

  it('is an HTTP status for 12.1 and older, for an unknown version, and where there is no WBXML', () => {
    const all = [...combinations(REFUSED_COMMANDS, OLD), ...combinations(WITHOUT_BODY, NEW)];
    for (const one of all) {
      expect(one.answer.body).toBeNull();
      expect(`${one.command} ${one.refusal} ${one.answer.status}`).toBe(
        `${one.command} ${one.refusal} ${expectedHttp(one)}`,
      );
    }
  });

  it('never makes a phone ask for a password and never counts as success', () => {
    for (const { answer } of combinations(REFUSED_COMMANDS, [...OLD, ...NEW])) {
      expect([200, 403, 449, 503]).toContain(answer.status);
      // An empty 200 is the success of SendMail, SmartReply and SmartForward.
      if (answer.status === 200) expect(answer.body?.length).toBeGreaterThan(0);
    }
  });

  it('never answers Provision with "provision first"', () => {
    for (const { refusal, answer } of combinations(['Provision'], NEW)) {
      const [status] = statusesByRule('Provision', answer.body as Buffer);
      expect(status).toBe(PROVISIONING.includes(refusal) ? '129' : String(EXPECTED[refusal][0]));
    }
  });

  it('makes an Android phone of 14.0 and later answer its Ping with FolderSync, or wait', () => {
    for (const { refusal, family, answer } of combinations(['Ping'], NEW)) {
      if (family !== 'android') continue;
      if (refusal === 'tryLater') expect(answer).toMatchObject({ status: 503, body: null });
      else expect(statusesByRule('Ping', answer.body as Buffer)).toEqual(['7']);
    }
  });

  it('equals the recorded answers, except for MoveItems, whose recorded answer names an item', () => {
    const { vectors: all } = vectors<{ vectors: { description: string; hex: string; xml: string }[] }>(
      'eas-wbxml-vectors',
    );
    const ready = all.filter(({ xml }) => xml.includes('<Status>129</Status>'));
    expect(ready.length).toBeGreaterThan(12);
    for (const { hex, xml } of ready) {
      const command = /^<(\w+)/.exec(xml)?.[1] as RefusedCommand;
      const { body } = refusalAnswer('deviceBlocked', command, '16.1', 'other', true);
      const made = body?.toString('hex');
      if (command === 'MoveItems') expect(made).toBe('03016a000005454b03313239000101');
      else expect(made).toBe(hex);
    }
  });

  it('returns the same frozen object each time', () => {
    for (const one of combinations(REFUSED_COMMANDS, ['12.1', '16.1'])) {
      const { refusal, command, version, family, key, answer } = one;
      expect(Object.isFrozen(answer)).toBe(true);
      expect(refusalAnswer(refusal, command, version, family, key)).toBe(answer);
    }
  });
});

describe('clientFamily', () => {
  it.each<[string | null, string | null, ClientFamily]>([
    ['Apple-iPhone15C2/2107.102', 'iPhone', 'ios'],
    ['Apple-iPad3C6/1202.435', 'iPad', 'ios'],
    ['iOS/17.5.1 (21F90) exchangesyncd/1.0', 'iPhone', 'ios'],
    [null, 'iPod', 'ios'],
    ['Android-Mail/2026.03.09.884664556.Release', 'Android', 'android'],
    ['Android/5.0.1-EAS-2.0', 'Android', 'android'],
    ['SAMSUNG-SM-G991B/101.1', 'SamsungDevice', 'android'],
    [null, 'SAMSUNGSGHI317M', 'android'],
    [null, 'htcvision', 'android'],
    ['Outlook-iOS/2.0', 'Outlook', 'outlook'],
    ['Outlook-iOS-Android/1.0', 'Outlook', 'outlook'],
    ['Outlook for iOS and Android', null, 'outlook'],
    [null, 'OutlookService', 'outlook'],
    ['Outlook/16.0 (16.0.7167.6539; C2R; x86)', 'WindowsOutlook15', 'windows'],
    ['MSFT-WP/8.10.14219', 'WP8', 'windows'],
    [null, 'WindowsMail', 'windows'],
    ['Thunderbird ActiveSync', 'TbSync', 'thunderbird'],
    [null, 'TbSync', 'thunderbird'],
    ['Nine/4.9', 'Android', 'android'],
    ['Apple-iPhone15C2/2107.102', 'Android', 'ios'],
    ['curl/8', 'PocketPC', 'other'],
    ['', '', 'other'],
    [null, null, 'other'],
  ])('%s, %s is %s', (userAgent, deviceType, family) => {
    expect(clientFamily(userAgent, deviceType)).toBe(family);
  });
});

describe('docs/reference/answers.md', () => {
  it('is up to date (easgate check --answers)', () => {
    const committed = readFileSync(new URL('../../docs/reference/answers.md', import.meta.url), 'utf8');
    expect(committed).toBe(answersTable());
  });
});
