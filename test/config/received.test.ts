// Owns the promises of the configuration of webhooks and pushed records.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { checkConfig } from '../../src/config/check.ts';

const TOKEN = 'token-0123456789-0123456789-0123456789';

function problems(text: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-received-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'in'));
  const source = { path: join(folder, 'easgate.yaml'), text: `upstream: { url: sample }\n${text}` };
  return checkConfig(source).problems.map(({ place, text: what }) => `${place}: ${what}`);
}

const webhook = (more: string): string => `feeds: [{ name: hook, kind: webhook, ${more} }]`;
const SECRETS = 'secrets: [a-secret-0123456789]';

it('takes a webhook that signs, one with tokens, and a push feed, without a problem', () => {
  expect(
    problems(`feeds:
  - { name: a, kind: webhook, ${SECRETS}, signature: { content: "{timestamp}.{body}", timestampHeader: X-Time } }
  - { name: b, kind: webhook, tokens: [${TOKEN}], trigger: d }
  - { name: c, kind: push, tokens: [{ sha256: "${'0'.repeat(64)}" }], expectedHours: 26 }
  - { name: d, kind: files, path: in }
`),
  ).toEqual([]);
});

it.each([
  [webhook('maxKilobytes: 1'), 'feeds.0.secrets: is missing'],
  [webhook(`${SECRETS}, tokens: [${TOKEN}]`), 'or else tokens: one of both proves a delivery'],
  [webhook('secrets: [short]'), 'needs at least 16 characters'],
  [webhook('tokens: [short-token]'), 'needs at least 32 characters'],
  [webhook('secrets: [{ file: missing }]'), 'the file of this secret cannot be read'],
  [webhook(`${SECRETS}, signature: { timestampHeader: x-time }`), 'a time that is not signed proves nothing'],
  [webhook(`${SECRETS}, signature: { idHeader: x-id }`), 'an id that is not signed proves nothing'],
  [webhook(`${SECRETS}, signature: { content: "{timestamp}" }`), 'must have {body} once'],
  [webhook(`${SECRETS}, signature: { content: "{body}{body}" }`), 'must have {body} once'],
  [webhook(`${SECRETS}, trigger: hook`), 'must be the name of another feed'],
  [webhook(`${SECRETS}, trigger: nobody`), 'must be the name of another feed'],
  [`feeds: [{ name: a, kind: push, tokens: [{ sha256: abc }] }]`, '64 hexadecimal digits'],
  [
    `feeds: [{ name: a, kind: push, tokens: [${TOKEN}] }]\nreceive: { listen: "127.0.0.1:8780" }`,
    'has a port (8780)',
  ],
  [
    `feeds: [{ name: a, kind: push, tokens: [${TOKEN}] }]\nreceive: { listen: "0.0.0.0:8783" }`,
    'without TLS from other hosts',
  ],
  [`receive: { listen: "127.0.0.1:8783" }`, 'has no effect'],
])('has a word on %s', (text, what) => {
  expect(problems(text).join('\n')).toContain(what);
});
