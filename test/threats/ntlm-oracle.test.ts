// Owns the promise that a forged last message of NTLM tells a stranger nothing about a device: only the mail server knows
// whether it is valid (MS-NLMP 3.1.5.1.2), and until it has answered, all devices get the same answer.
import { describe, expect, it } from 'vitest';
import type { VerdictAction } from '../../src/model/verdict.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { proof, startNtlmBackend } from '../support/servers/ntlm-backend.ts';
import type { NtlmBackend, NtlmBackendOptions } from '../support/servers/ntlm-backend.ts';
import {
  authenticateMessage,
  credentials,
  negotiateMessage,
  spnegoNegotiate,
  spnegoResponse,
} from '../support/phones/ntlm-tokens.ts';
import { quarantineSettings } from '../support/servers/quarantine.ts';
import { ok } from '../support/servers/raw-backend.ts';
import type { RawClient } from '../support/phones/raw-client.ts';
import { FOLDER_SYNC, PING } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { gatewayOf, phoneOf } from '../support/servers/openings.ts';

checkLeaks();

const VERDICTS: readonly VerdictAction[] = ['allow', 'block', 'quarantine', 'wipe', 'accountWipe'];
const PROVISION = Buffer.from('03016a00000e4501', 'hex');
const SCHEMES = {
  NTLM: { open: negotiateMessage, close: (message: Buffer) => message },
  Negotiate: { open: spnegoNegotiate, close: spnegoResponse },
} as const;
type Scheme = keyof typeof SCHEMES;

interface World {
  readonly backend: NtlmBackend;
  readonly gateway: TestGateway;
  readonly phone: RawClient;
}

async function open(action: VerdictAction, options: NtlmBackendOptions = {}): Promise<World> {
  const backend = await startNtlmBackend(options);
  closeAtEnd(backend);
  const gateway = await gatewayOf(backend, { quarantine: quarantineSettings('gateway') });
  gateway.change('alice1', action);
  return { backend, gateway, phone: await phoneOf(gateway) };
}

function request(
  authorization: string,
  command = 'FolderSync',
  body: Buffer = FOLDER_SYNC,
  more = '',
): string {
  return (
    `POST /Microsoft-Server-ActiveSync?Cmd=${command}&User=alice&DeviceId=alice1&DeviceType=Test HTTP/1.1\r\n` +
    `Host: m\r\nAuthorization: ${authorization}\r\n${more}Content-Type: application/vnd.ms-sync.wbxml\r\n` +
    `MS-ASProtocolVersion: 14.1\r\nContent-Length: ${body.length}\r\n\r\n${body.toString('latin1')}`
  );
}

/** Opens the handshake; returns its last message, made with the password (`holds`) or without. */
async function closingLeg(phone: RawClient, holds: boolean, scheme: Scheme = 'NTLM'): Promise<string> {
  const { open: opening, close } = SCHEMES[scheme];
  phone.send(request(credentials(scheme, opening())));
  const offer = (await phone.response()).header('www-authenticate') ?? '';
  const challenge = Buffer.from(offer.slice(scheme.length + 1), 'base64').subarray(24, 32);
  const made = authenticateMessage({ user: 'alice' }, holds ? proof(challenge) : undefined);
  return credentials(scheme, close(made));
}

describe('a made-up closing leg', () => {
  it.each([
    ['NTLM', 'FolderSync', FOLDER_SYNC],
    ['Negotiate', 'FolderSync', FOLDER_SYNC],
    ['NTLM', 'Ping', PING],
    ['NTLM', 'Provision', PROVISION],
  ] as const)('is answered alike whatever the verdict (%s, %s)', async (scheme, command, body) => {
    const answers: string[] = [];
    for (const action of VERDICTS) {
      const world = await open(action);
      world.phone.send(request(await closingLeg(world.phone, false, scheme), command, body));
      const { head, body: said } = await world.phone.response();
      answers.push(head + said.toString());
      expect(world.gateway.seen).toEqual([]);
    }
    expect(answers[0]).toMatch(/^HTTP\/1\.1 401 /);
    expect(new Set(answers).size).toBe(1);
  });

  it('that waits for 100 Continue gets it alike whatever the verdict', async () => {
    for (const action of VERDICTS) {
      const { phone } = await open(action);
      const whole = request(await closingLeg(phone, false), undefined, undefined, 'Expect: 100-continue\r\n');
      phone.send(whole.slice(0, -FOLDER_SYNC.length));
      await until(() => phone.received.startsWith('HTTP/1.1 100 '), `100 Continue under ${action}`);
      phone.send(FOLDER_SYNC);
      expect((await phone.response()).status).toBe(401);
    }
  });

  it('behind no handshake is refused alike whatever the verdict', async () => {
    const answers: string[] = [];
    for (const action of VERDICTS) {
      const { phone } = await open(action);
      phone.send(request(credentials('NTLM', authenticateMessage({ user: 'alice' }))));
      answers.push((await phone.response()).head);
    }
    expect(new Set(answers).size).toBe(1);
  });

  it.each([403, 449, 500, 503])('binds nobody where the server answers it with %i', async (status) => {
    const answer: NtlmBackendOptions['answer'] = ({ connection }) =>
      connection.socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`);
    const { phone, gateway } = await open('allow', { answer });
    phone.send(request(await closingLeg(phone, true)));
    const signedIn = await phone.response();
    expect(signedIn.status).toBe(status);
    expect(signedIn.header('connection')).toBe('close');
    expect(gateway.seen).toEqual([]);
  });
});

describe('a closing leg that holds', () => {
  it.each(['block', 'quarantine'] as const)(
    'of a device under %s learns that it may not pass, is written down, and nothing of the request reaches the server',
    async (action) => {
      const world = await open(action);
      const leg = await closingLeg(world.phone, true);
      world.phone.send(request(leg, undefined, undefined, 'X-MS-PolicyKey: 7\r\n'));
      const response = await world.phone.response();
      expect(response.status).toBe(200);
      expect(response.body.includes(Buffer.from('129'))).toBe(true);
      // The authenticated connection to the server is closed, so the phone's connection must close too.
      expect(response.header('connection')).toBe('close');
      expect(world.gateway.seen).toEqual([{ user: 'contoso\\alice', device: 'alice1' }]);
      expect(world.backend.requests.map(({ method }) => method)).toEqual(['OPTIONS', 'OPTIONS']);
      expect(world.backend.requests[1]?.header('x-ms-policykey')).toBeUndefined();
      expect(world.gateway.upstreamConnections()).toBe(0);
    },
  );

  it('of a device that is let in meanwhile is told to come again', async () => {
    let release: (() => void) | null = null;
    const world: World = await open('block', {
      answer: ({ connection }) => {
        release = () => connection.socket.write(ok());
        world.gateway.change('alice1', 'allow');
        setImmediate(() => release?.());
      },
    });
    world.phone.send(request(await closingLeg(world.phone, true)));
    const response = await world.phone.response();
    expect([response.status, response.header('retry-after')]).toEqual([503, '1']);
  });
});
