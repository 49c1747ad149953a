// Owns the promise that refusals cause no endless loop: the AOSP client, by the sample phone's rules
// (src/sample/phone/reactions.ts), with every answer of the table.
import { describe, expect, it } from 'vitest';
import { REFUSED_COMMANDS, refusalAnswer } from '../../src/eas/refusals.ts';
import type { EasAnswer, Refusal, RefusedCommand } from '../../src/eas/refusals.ts';
import { reactionTo } from '../../src/sample/phone/reactions.ts';
import { statusesByRule } from '../support/checks/response-rules.ts';

const REFUSALS: readonly Refusal[] = ['deviceBlocked', 'remoteWipe', 'tryLater'];
const PROVISIONING: readonly Refusal[] = ['remoteWipe'];
const VERSIONS = [null, '2.5', '12.0', '12.1', '14.0', '14.1', '16.0', '16.1'] as const;

type Answering = (command: RefusedCommand) => EasAnswer | 'success';
type End = 'forbidden' | 'password' | 'failed' | 'later' | 'done' | 'loop';

const MAX_REQUESTS = 10;

/** How the AOSP client reacts to answers: its final state, and the requests until then. */
function aosp(start: RefusedCommand, answering: Answering): { end: End; requests: RefusedCommand[] } {
  const requests: RefusedCommand[] = [];
  const provision = (command: RefusedCommand): End | 'repeat' => {
    if (command === 'Provision') return 'forbidden';
    const end = run('Provision');
    return end === 'done' ? 'repeat' : end;
  };
  const step = (command: RefusedCommand): End | 'repeat' => {
    const answer = answering(command);
    if (answer === 'success') return 'done';
    const status = answer.body === null ? null : (statusesByRule(command, answer.body)[0] ?? null);
    switch (reactionTo('android', command, answer.status, status)) {
      case 'password':
        return 'password';
      case 'deny':
        return 'forbidden';
      case 'provision':
      case 'wipe':
        return provision(command);
      case 'wait':
      case 'waitForFolders':
        return 'later';
      case 'again':
        return 'repeat';
      case 'askFolders':
        return run('FolderSync');
      default:
        return 'failed';
    }
  };
  const run = (command: RefusedCommand): End => {
    for (;;) {
      if (requests.length === MAX_REQUESTS) return 'loop';
      requests.push(command);
      const end = step(command);
      if (end !== 'repeat') return end;
    }
  };
  return { end: run(start), requests };
}

describe('the AOSP client', () => {
  const refusing =
    (refusal: Refusal, version: string | null, key: boolean): Answering =>
    (command) =>
      refusalAnswer(refusal, command, version, 'android', key && command !== 'Ping');

  it('stops after at most three requests for every refusal: it is blocked or waits', () => {
    for (const refusal of REFUSALS) {
      for (const command of REFUSED_COMMANDS) {
        for (const version of VERSIONS) {
          for (const key of [false, true]) {
            const { end, requests } = aosp(command, refusing(refusal, version, key));
            expect({ refusal, command, version, end }).toEqual({
              refusal,
              command,
              version,
              end: refusal === 'tryLater' ? 'later' : 'forbidden',
            });
            expect(requests.length).toBeLessThanOrEqual(3);
          }
        }
      }
    }
  });

  it('runs Provision once when the refusal asks for it, also after Ping', () => {
    for (const refusal of PROVISIONING) {
      expect(aosp('Sync', refusing(refusal, '12.1', true)).requests).toEqual(['Sync', 'Provision']);
      expect(aosp('Sync', refusing(refusal, '14.1', true)).requests).toEqual(['Sync', 'Provision']);
      expect(aosp('Ping', refusing(refusal, '14.1', true)).requests).toEqual([
        'Ping',
        'FolderSync',
        'Provision',
      ]);
    }
  });

  it('continues when a forwarded Provision made the command pass', () => {
    let provisioned = false;
    const { end, requests } = aosp('Sync', (command) => {
      if (command === 'Provision') provisioned = true;
      return provisioned ? 'success' : refusalAnswer('remoteWipe', command, '12.1', 'android', true);
    });
    expect({ end, requests }).toEqual({ end: 'done', requests: ['Sync', 'Provision', 'Sync'] });
  });

  // The table avoids these cases; this shows that the model would detect them.
  it('loops when the Provision of a blocked 12.1 device is forwarded', () => {
    const blocked = refusing('deviceBlocked', '12.1', true);
    const { end } = aosp('Sync', (command) => (command === 'Provision' ? 'success' : blocked(command)));
    expect(end).toBe('loop');
  });

  it('asks for the password or loops when its Ping gets the status of other commands', () => {
    const other =
      (refusal: Refusal): Answering =>
      (command) =>
        refusalAnswer(refusal, command, '14.1', 'other', true);
    expect(aosp('Ping', other('deviceBlocked')).end).toBe('password');
    expect(aosp('Ping', other('tryLater')).end).toBe('loop');
  });
});
