// Owns the promise of a refusal on the wire: each command in each protocol version gets an answer that its schema allows, and
// no byte of it reaches the mail server.
import { describe, expect, it } from 'vitest';
import { allCommands } from '../../../src/eas/commands.ts';
import type { CommandInfo } from '../../../src/eas/commands.ts';
import type { Verdict } from '../../../src/model/verdict.ts';
import type { EasAnswer } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { openQuarantine } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';
import { statusesByRule } from '../../support/checks/response-rules.ts';
import { verdict } from '../../support/servers/test-gateway.ts';

checkLeaks();

let world: Quarantine;

const VERSIONS = ['2.5', '12.1', '14.0', '14.1', '16.1'] as const;
const MIME = Buffer.from('To: bob@example.com\r\nSubject: x\r\n\r\nx\r\n');

/** The smallest request of the command. */
function ask(
  { name, namespace, rfc822 }: CommandInfo,
  version: string,
  policyKey: string,
): Promise<EasAnswer> {
  const phone = world.phone({ version });
  phone.policyKey = policyKey;
  if (rfc822 && Number(version) < 14) return phone.command(name, MIME, 'message/rfc822');
  return phone.command(name, namespace === null ? null : { namespace, name, children: [] });
}

async function begin(held: Verdict): Promise<void> {
  world = await openQuarantine();
  world.gateway.verdicts.set('phone1', held);
}

const VERDICTS: readonly (readonly [string, Verdict, string, number, number])[] = [
  ['blocked', verdict('block'), '129', 403, 403],
  ['to be wiped', { ...verdict('wipe'), reason: 'wipeRequested' }, '140', 449, 403],
  [
    'to be wiped, which the directory does not confirm',
    { ...verdict('block'), reason: 'storeUnavailable' },
    '111',
    503,
    503,
  ],
];

describe.each(VERDICTS)('a phone that is %s', (_name, held, status, http, httpWithoutKey) => {
  for (const version of VERSIONS) {
    it(`and speaks ${version} gets the refusal in the answer to every command`, async () => {
      await begin(held);
      for (const command of allCommands()) {
        // Provision is answered by the exchange of the wipe, or ends it (test/gateway/access/wipe.test.ts).
        if (command.name === 'Provision' && status === '140') continue;
        for (const policyKey of ['4711', '']) {
          const answer = await ask(command, version, policyKey);
          const inBody = Number(version) >= 14 && command.namespace !== null;
          expect({ command: command.name, http: answer.status }).toEqual({
            command: command.name,
            http: inBody ? 200 : policyKey === '' ? httpWithoutKey : http,
          });
          if (inBody) {
            expect(answer.headers['content-type']).toBe('application/vnd.ms-sync.wbxml');
            expect(answer.headers['cache-control']).toBe('private');
            expect(statusesByRule(command.name, answer.body)).toEqual([status]);
          } else {
            expect(answer.body).toHaveLength(0);
            expect(answer.headers['content-type']).toBeUndefined();
            expect(answer.headers['retry-after']).toBe(http === 503 ? '30' : undefined);
          }
          expect(answer.headers['www-authenticate']).toBeUndefined();
        }
      }
      expect(world.mailRequests()).toEqual([]);
    });
  }
});
