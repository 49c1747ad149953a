// Owns the promises of the local replies: the refusal for each verdict, and its bytes on the wire.
import { describe, expect, it } from 'vitest';
import type { EasCommand } from '../../../src/eas/commands.ts';
import { REFUSALS } from '../../../src/eas/refusals.ts';
import { INBOX } from '../../../src/quarantine/folders.ts';
import { answerMailbox } from '../../../src/quarantine/mailbox.ts';
import { answerIssued } from '../../../src/quarantine/transition.ts';
import { decodeWbxml } from '../../../src/eas/wbxml/decode.ts';
import { fromXml, toXml } from '../../../src/eas/wbxml/xml.ts';
import {
  REFUSAL_BY_ACTION,
  REFUSAL_BY_REASON,
  refusal,
  startOver,
} from '../../../src/gateway/access/local-replies.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import type { VerdictAction } from '../../../src/model/verdict.ts';
import type { VerdictReason } from '../../../src/model/reason.ts';
import { VERSIONS, answeredXml, mailboxRequest } from '../../support/phones/mailbox.ts';

function refused(
  action: VerdictAction,
  command: EasCommand,
  version: string | null,
  reason: VerdictReason = 'individualRule',
): Exchange {
  const exchange = new Exchange(0);
  exchange.command = command;
  exchange.protocolVersion = version;
  exchange.hasPolicyKey = true;
  exchange.verdict = { action, reason, rule: 'test', validUntil: Infinity };
  return exchange;
}

describe('refusal', () => {
  it.each<[VerdictAction, string | null, string]>([
    ['block', '14.1', '129'],
    ['quarantine', '14.1', '129'],
    ['wipe', '14.1', '140'],
    ['accountWipe', '16.1', '140'],
    // Only 16.1 has the account-only wipe: an older phone must not get an order to wipe everything.
    ['accountWipe', '14.1', '129'],
  ])('%s at %s is status %s in the body', (action, version, status) => {
    const reply = refusal(refused(action, 'FolderSync', version), 30);
    expect(reply.status).toBe(200);
    expect(reply.data.split('\r\n\r\n')[1]).toBe(
      Buffer.from(`03016a000007564c03${Buffer.from(status).toString('hex')}000101`, 'hex').toString('latin1'),
    );
  });

  it.each<[VerdictAction, string]>([
    ['block', 'HTTP/1.1 403 Forbidden'],
    ['wipe', 'HTTP/1.1 449 Retry after sending a PROVISION command'],
  ])('%s before 14.0 is an HTTP status without a body', (action, head) => {
    const reply = refusal(refused(action, 'Sync', '12.1'), 30);
    expect(reply.data).toBe(`${head}\r\nContent-Length: 0\r\n\r\n`);
    expect(reply.data).toContain(` ${reply.status} `);
  });

  it('of a wipe that the directory does not confirm says "try later", not "blocked"', () => {
    const exchange = refused('block', 'FolderSync', '14.1', 'storeUnavailable');
    expect(refusal(exchange, 30).data.split('\r\n\r\n')[1]).toBe(
      Buffer.from('03016a000007564c03313131000101', 'hex').toString('latin1'),
    );
    exchange.protocolVersion = '12.1';
    expect(refusal(exchange, 30).data).toBe(
      'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n',
    );
  });

  it('covers every refusal with some verdict', () => {
    const reached = new Set<string>(
      Object.values(REFUSAL_BY_ACTION).flatMap((one) => [
        one.refusal,
        ...(one.otherwise === null ? [] : [one.otherwise.refusal]),
      ]),
    );
    for (const one of Object.values(REFUSAL_BY_REASON)) if (one !== null) reached.add(one.refusal);
    expect([...reached].toSorted()).toEqual(Object.keys(REFUSALS).toSorted());
  });

  it('frames its body, and announces when the connection closes', () => {
    const exchange = refused('block', 'Sync', '14.1');
    const body = Buffer.from('03016a00454e03313239000101', 'hex').toString('latin1');
    const head =
      'HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: 13';
    expect(refusal(exchange, 30).data).toBe(`${head}\r\n\r\n${body}`);
    exchange.persistent = false;
    expect(refusal(exchange, 30).data).toBe(`${head}\r\nConnection: close\r\n\r\n${body}`);
  });

  it('recognises an Android phone by its User-Agent, or by its DeviceType without one', () => {
    const exchange = refused('block', 'Ping', '14.1');
    const ping7 = Buffer.from('03016a00000d45470337000101', 'hex').toString('latin1');
    expect(refusal(exchange, 30).data.endsWith(ping7)).toBe(false);
    exchange.deviceType = 'Android';
    expect(refusal(exchange, 30).data.endsWith(ping7)).toBe(true);
    exchange.userAgent = 'Apple-iPhone15C2/2107.102';
    expect(refusal(exchange, 30).data.endsWith(ping7)).toBe(false);
  });
});

describe.each([...VERSIONS, '12.0', '14.0', '16.0'])('a Sync of %s whose folders have changed', (version) => {
  const sync = (folder: string): string =>
    `<Sync xmlns="AirSync:"><Collections><Collection><SyncKey>7</SyncKey><CollectionId>${folder}</CollectionId></Collection></Collections></Sync>`;
  const CHANGED = '<Sync xmlns="AirSync:"><Status>12</Status></Sync>';

  it('gets the status for the whole command in every kind of reply', () => {
    const held = startOver('Sync');
    expect(held && toXml(decodeWbxml(held))).toBe(CHANGED);
    expect(answeredXml(answerMailbox(mailboxRequest('Sync', version, sync('5'))))).toBe(CHANGED);
    const issued = answerIssued('Sync', version, fromXml(sync(INBOX)));
    expect(issued && answeredXml(issued)).toBe(CHANGED);
  });
});
