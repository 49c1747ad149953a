// Threat: a delivery to a feed that its sender did not make: without a proof, with a wrong one, with that of another feed, or with a
// proof that covers something else (RFC 2104; RFC 6750 5.1).
import { createHash, createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { FEEDS, SECRET, TOKEN, ndjson, pushed, receiverOf, signed } from '../support/servers/receiver.ts';

checkLeaks();

const body = JSON.stringify({ id: 'PHONE1', managed: true, compliant: true });

it('a signature by another secret, over another body, time or id, cut off, or of another form is refused', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const good = signed(body);
  const signature = good['webhook-signature'] ?? '';
  const wrong: Record<string, string>[] = [
    {},
    signed(body, { secret: 'another-secret-0123456789' }),
    signed(`${body} `),
    { ...good, 'webhook-id': 'another' },
    { ...good, 'webhook-timestamp': String(Number(good['webhook-timestamp']) - 1) },
    { ...good, 'webhook-signature': signature.slice(0, -4) },
    { ...good, 'webhook-signature': signature.replace('v1,', 'v0,') },
    { ...good, 'webhook-signature': 'v1,' },
    { ...good, 'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}` },
    {
      ...good,
      'webhook-signature': Array<string>(20)
        .fill(`v1,${Buffer.alloc(32).toString('base64')}`)
        .join(' '),
    },
  ];
  for (const headers of wrong) {
    const { status, body: answer } = await send('/receive/timed', { headers, body });
    expect([status, answer['code']]).toEqual([403, 'EASGATE_DELIVERY_CREDENTIALS']);
  }
  expect(await device('PHONE1')).toBeNull();
});

it('parts of the signed content cannot be moved between id, time and body', async () => {
  const { send } = await receiverOf(FEEDS);
  const { 'webhook-timestamp': time = '', ...good } = signed(body, { id: 'a' });
  // `a.TIME.{body}` could be read as the id `a.TIME` of another delivery.
  const headers = { ...good, 'webhook-id': `a.${time}`, 'webhook-timestamp': time };
  expect((await send('/receive/timed', { headers, body })).status).toBe(403);
});

it('two signature headers, and two tokens, are no proof', async () => {
  const { send } = await receiverOf(FEEDS);
  const good = signed(body);
  const twice = { ...good, 'webhook-signature': [good['webhook-signature'] ?? '', 'v1,x'] };
  expect((await send('/receive/timed', { headers: twice, body })).status).toBe(403);
  const tokens = { 'Content-Type': 'application/x-ndjson', Authorization: [`Bearer x`, `Bearer ${TOKEN}`] };
  expect((await send('/receive/mdm/delta', { headers: tokens, body: ndjson({ id: 'PHONE1' }) })).status).toBe(
    401,
  );
});

it('a wrong token is refused before its body is asked for', async () => {
  const { port } = await receiverOf(FEEDS);
  const client = await RawClient.open(port);
  client.send(
    'POST /receive/mdm/bulk?devices=1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\nContent-Type: application/x-ndjson\r\nAuthorization: Bearer wrong\r\n\r\n',
  );
  const { status, head } = await client.response();
  client.destroy();
  expect(status).toBe(401);
  expect(head).toContain('WWW-Authenticate: Bearer realm="easgate"\r\n');
});

it('the token of another feed, its digest, and the password of a user are no tokens', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const digest = createHash('sha256').update(TOKEN).digest('hex');
  for (const token of [`other-${TOKEN}`, digest, TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase(), '']) {
    const { status } = await send('/receive/mdm/delta', {
      headers: pushed(token),
      body: ndjson({ id: 'PHONE1', managed: true }),
    });
    expect(status).toBe(401);
  }
  expect(await device('PHONE1')).toBeNull();
});

it('a token at rest as its SHA-256 is good, and the digest itself is not', async () => {
  const digest = createHash('sha256').update(TOKEN).digest('hex');
  const { send } = await receiverOf(`  - { name: mdm, kind: push, tokens: [{ sha256: ${digest} }] }`);
  const delta = (token: string): Promise<{ status: number }> =>
    send('/receive/mdm/delta', { headers: pushed(token), body: ndjson({ id: 'PHONE1', managed: true }) });
  expect([(await delta(TOKEN)).status, (await delta(digest)).status]).toEqual([200, 401]);
});

it('a record that names another source is refused: a token writes one', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const { body: answer } = await send('/receive/mdm/delta', {
    headers: pushed(),
    body: ndjson({ id: 'PHONE1', managed: true, source: 'other' }),
  });
  expect(answer['results']).toMatchObject([
    { result: 'refused', reason: expect.stringContaining('another source') as string },
  ]);
  expect(await device('PHONE1')).toBeNull();
});

it('without a signed time nothing lets a phone in: neither by a signature alone, nor by a token', async () => {
  const { send, device } = await receiverOf(FEEDS);
  const untimed = (record: object): Promise<{ status: number }> => {
    const text = JSON.stringify(record);
    const signature = `sha256=${createHmac('sha256', SECRET).update(text).digest('hex')}`;
    return send('/receive/untimed', { headers: { 'X-Hub-Signature-256': signature }, body: text });
  };
  const token = (record: object): Promise<{ status: number }> =>
    send('/receive/token', { headers: { Authorization: `Bearer ${TOKEN}` }, body: JSON.stringify(record) });
  for (const [deliver, source] of [
    [untimed, 'PHONE1'],
    [token, 'PHONE2'],
  ] as const) {
    const id = source;
    const allows = [
      { id, managed: true, compliant: true },
      { id, compromised: false },
      { id, managed: true, lastCheckIn: new Date().toISOString(), osVersion: '99' },
      { type: 'decision', device: id, action: 'allow' },
      { type: 'user', id: 'alice@contoso.com', groups: ['board'] },
    ];
    for (const record of allows) expect((await deliver(record)).status).toBe(422);
    expect(await device(id)).toBeNull();
    // Of a mixed record only the refusal is used, and its own time is not believed.
    const mixed = {
      id,
      managed: true,
      compliant: false,
      encrypted: true,
      osVersion: '99',
      observedAt: '2031-01-01T00:00:00Z',
    };
    expect((await deliver(mixed)).status).toBe(202);
    expect(await device(id)).toMatchObject({
      managed: null,
      compliant: false,
      encrypted: null,
      osVersion: null,
    });
    expect((await deliver({ id, compliant: true })).status).toBe(422);
    expect(await device(id)).toMatchObject({ compliant: false });
  }
});

it('an answer has no stack, no file and no host name, and text of the sender cannot add headers to it', async () => {
  const { port } = await receiverOf(FEEDS);
  for (const [path, header] of [
    ['/receive/timed%0d%0aX-Evil:%201', 'webhook-id: a'],
    ['/receive/../../etc/passwd', 'webhook-id: a'],
    ['/receive/timed', 'webhook-id: a\x0bb'],
    ['/receive/timed', 'webhook-id: a\rX-Evil: 1'],
    ['/receive/timed', 'webhook-id: a\r\nX-Evil: 1'],
    ['/receive/mdm/delta', 'Authorization: Bearer a\r\nIdempotency-Key: X-Evil'],
  ]) {
    const client = await RawClient.open(port);
    client.send(
      `POST ${path} HTTP/1.1\r\nHost: a\r\n${header}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    );
    const { status, head, body: text } = await client.response();
    client.destroy();
    expect([400, 401, 403, 404]).toContain(status);
    expect(`${head}${String(text)}`).not.toMatch(/\/src\/|node:|at .*\.ts|easgate-|x-evil|passwd/i);
  }
});
