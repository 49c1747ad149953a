// Owns the promises of the request head parser, among them: it never accepts what node:http reads differently.
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRequestHead } from '../../src/http/request-head.ts';
import type { RequestHead } from '../../src/http/request-head.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';

checkLeaksAtEnd();

const limits = { maxHeadBytes: 4096, maxHeaders: 20, maxTargetBytes: 512 };
const parse = (text: string) => {
  const bytes = Buffer.from(text, 'latin1');
  return parseRequestHead(bytes, 0, bytes.length, limits);
};
const accepted = (text: string): RequestHead => {
  const head = parse(text);
  if (head === null || typeof head === 'string') throw new Error(`refused: ${head}`);
  return head;
};
const post = (...lines: string[]) =>
  `POST /x HTTP/1.1\r\nHost: a\r\n${lines.map((line) => line + '\r\n').join('')}\r\n`;

describe('parseRequestHead', () => {
  it('reads method, target, version and captured headers', () => {
    const head = accepted(post('Authorization: Basic eDp5', 'Content-Length: 12', 'User-Agent: phone'));
    expect(head).toMatchObject({
      method: 'POST',
      target: '/x',
      minor: 1,
      host: 'a',
      authorization: 'Basic eDp5',
      framing: 'length',
      contentLength: 12,
      userAgent: 'phone',
      keepAlive: true,
    });
  });

  it('asks for more bytes at every cut of a good head', () => {
    const text = post('Accept: */*', 'Content-Length: 3');
    for (let cut = 0; cut < text.length; cut++) expect(parse(text.slice(0, cut))).toBeNull();
    expect(accepted(text + 'abc').end).toBe(text.length);
  });

  it('waits for the rest of an empty line before the request line', () => {
    expect(parse('\r')).toBeNull();
  });

  it('skips one empty line before the request line', () => {
    expect(accepted('\r\n' + post()).method).toBe('POST');
    for (const cut of ['\r', '\r\n', '\r\nP']) expect(parse(cut)).toBeNull();
    expect(parse('\rP')).toBe('EASGATE_BAD_REQUEST_LINE');
    expect(parse('\r\n\r\n' + post())).toBe('EASGATE_BAD_REQUEST_LINE');
  });

  it('re-emits header lines with one space and no trailing white space', () => {
    const head = accepted(post('Accept:  */* \t', 'X-A: 1', 'X-B:2', 'X-Empty:'));
    expect(head.headerLines).toBe('Accept: */*\r\nX-A: 1\r\nX-B: 2\r\nX-Empty: \r\n');
  });

  it('drops hop-by-hop headers and those named by Connection', () => {
    const head = accepted(
      post('Keep-Alive: 5', 'X-Trace: 1', 'Connection: keep-alive, x-trace', 'TE: trailers', 'X-Keep: 2'),
    );
    expect(head.headerLines).toBe('X-Keep: 2\r\n');
  });

  it.each([
    'X-WebObjects-Remote-User: eve',
    'x-webobjects-adaptor-prefix: /AAAA',
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-Host: evil',
    'Forwarded: for=1',
    'Remote-User: eve',
    'X-Original-URL: /owa',
    'X-CommonAccessToken: V',
    'X-HTTP-Method-Override: OPTIONS',
    'Proxy: http://evil',
  ])('drops a claim a server might trust: %s', (line) => {
    expect(accepted(post(line)).headerLines).toBe('');
  });

  it.each([
    ['lower-case method', 'post /x HTTP/1.1\r\nHost: a\r\n\r\n', 'EASGATE_BAD_REQUEST_LINE'],
    ['two spaces', 'POST  /x HTTP/1.1\r\nHost: a\r\n\r\n', 'EASGATE_BAD_REQUEST_LINE'],
    ['tab', 'POST\t/x HTTP/1.1\r\nHost: a\r\n\r\n', 'EASGATE_BAD_REQUEST_LINE'],
    ['absolute form', 'POST http://a/x HTTP/1.1\r\nHost: a\r\n\r\n', 'EASGATE_BAD_REQUEST_LINE'],
    ['asterisk form', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 'EASGATE_BAD_REQUEST_LINE'],
    ['HTTP/0.9', 'GET /\r\n\r\n', 'EASGATE_BAD_REQUEST_LINE'],
    ['HTTP/2.0', 'POST /x HTTP/2.0\r\nHost: a\r\n\r\n', 'EASGATE_BAD_VERSION'],
    ['HTTP/1.2', 'POST /x HTTP/1.2\r\nHost: a\r\n\r\n', 'EASGATE_BAD_VERSION'],
    ['bare LF', 'POST /x HTTP/1.1\nHost: a\n\n', 'EASGATE_BAD_REQUEST_LINE'],
    ['raw UTF-8 in the target', 'POST /\xc3\xbc HTTP/1.1\r\nHost: a\r\n\r\n', 'EASGATE_BAD_REQUEST_LINE'],
    ['no Host', 'POST /x HTTP/1.1\r\nA: b\r\n\r\n', 'EASGATE_BAD_HOST'],
    ['two Hosts', post('Host: b'), 'EASGATE_DUPLICATE_HEADER'],
    ['Host with a path', 'POST /x HTTP/1.1\r\nHost: a/b@c\r\n\r\n', 'EASGATE_BAD_HOST'],
    ['two Authorization', post('Authorization: a', 'authorization: b'), 'EASGATE_DUPLICATE_HEADER'],
    ['two policy keys', post('X-MS-PolicyKey: 1', 'X-MS-PolicyKey: 2'), 'EASGATE_DUPLICATE_HEADER'],
    [
      'two MS-ASAcceptMultiPart',
      post('MS-ASAcceptMultiPart: T', 'ms-asacceptmultipart: F'),
      'EASGATE_DUPLICATE_HEADER',
    ],
    ['two Content-Length', post('Content-Length: 1', 'Content-Length: 1'), 'EASGATE_DUPLICATE_HEADER'],
    ['both lengths', post('Content-Length: 1', 'Transfer-Encoding: chunked'), 'EASGATE_AMBIGUOUS_LENGTH'],
    ['signed length', post('Content-Length: +1'), 'EASGATE_BAD_CONTENT_LENGTH'],
    ['hex length', post('Content-Length: 0x1'), 'EASGATE_BAD_CONTENT_LENGTH'],
    ['length list', post('Content-Length: 1, 1'), 'EASGATE_BAD_CONTENT_LENGTH'],
    ['empty length', post('Content-Length:'), 'EASGATE_BAD_CONTENT_LENGTH'],
    ['huge length', post('Content-Length: 99999999999999999999'), 'EASGATE_BAD_CONTENT_LENGTH'],
    ['gzip, chunked', post('Transfer-Encoding: gzip, chunked'), 'EASGATE_BAD_TRANSFER_ENCODING'],
    ['identity', post('Transfer-Encoding: identity'), 'EASGATE_BAD_TRANSFER_ENCODING'],
    ['quoted chunked', post('Transfer-Encoding: "chunked"'), 'EASGATE_BAD_TRANSFER_ENCODING'],
    [
      'chunked twice',
      post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
      'EASGATE_DUPLICATE_HEADER',
    ],
    [
      'chunked in HTTP/1.0',
      'POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
      'EASGATE_BAD_TRANSFER_ENCODING',
    ],
    ['underscore', post('Content_Length: 1'), 'EASGATE_BAD_HEADER'],
    ['space before colon', post('Content-Length : 1'), 'EASGATE_BAD_HEADER'],
    ['obs-fold', post('A: b', ' c'), 'EASGATE_BAD_HEADER'],
    ['NUL', post('A: b\0c'), 'EASGATE_BAD_HEADER'],
    ['bare CR', post('A: b\rc'), 'EASGATE_BAD_HEADER'],
    ['DEL', post('A: b\x7f'), 'EASGATE_BAD_HEADER'],
    ['no colon', post('Abc'), 'EASGATE_BAD_HEADER'],
    ['empty name', post(': x'), 'EASGATE_BAD_HEADER'],
    ['obfuscated Expect', post('Expect: x 100-continue'), 'EASGATE_BAD_EXPECT'],
    ['Connection names Authorization', post('Connection: authorization'), 'EASGATE_BAD_CONNECTION'],
    [
      'Connection names Content-Length',
      post('Connection: content-length', 'Content-Length: 1'),
      'EASGATE_BAD_CONNECTION',
    ],
    ['Connection names X-MS-PolicyKey', post('Connection: x-ms-policykey'), 'EASGATE_BAD_CONNECTION'],
    ['long target', `POST /${'x'.repeat(600)} HTTP/1.1\r\nHost: a\r\n\r\n`, 'EASGATE_TARGET_TOO_LONG'],
    [
      'many headers',
      post(...Array.from({ length: 30 }, (_, index) => `X-${index}: 1`)),
      'EASGATE_HEAD_TOO_LARGE',
    ],
    ['large head', post(`X: ${'y'.repeat(5000)}`), 'EASGATE_HEAD_TOO_LARGE'],
    ['endless head', 'POST /x HTTP/1.1\r\nX: ' + 'y'.repeat(5000), 'EASGATE_HEAD_TOO_LARGE'],
  ])('refuses %s', (_name, text, code) => {
    expect(parse(text)).toBe(code);
  });

  it('closes after HTTP/1.0 and after Connection: close', () => {
    expect(accepted('POST /x HTTP/1.0\r\nHost: a\r\n\r\n').keepAlive).toBe(false);
    expect(accepted(post('Connection: Close')).keepAlive).toBe(false);
    expect(accepted(post('Connection: keep-alive')).keepAlive).toBe(true);
    expect(accepted('OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n').keepAlive).toBe(true);
  });

  it.each(['QOST', 'CONNECT', 'TRACE', 'LOCKED'])(
    'closes the connection after %s: servers differ in whether they read its body',
    (method) => {
      expect(accepted(`${method} /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab`).keepAlive).toBe(
        false,
      );
    },
  );
});

describe('against node:http', () => {
  const seen: { method: string; url: string; headers: string[]; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.rawHeaders, body });
      response.end();
    });
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

  const exchange = (text: string) =>
    new Promise<string>((resolve) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () =>
        socket.end(text, 'latin1'),
      );
      let answer = '';
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => (answer += chunk));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(answer));
    });

  const odd = fc.oneof(
    { arbitrary: fc.constant(''), weight: 12 },
    { arbitrary: fc.constantFrom(...' \t\r\n\0\x7f:,;_\xff#?\\"'), weight: 1 },
  );
  const name = fc.constantFrom(
    'Accept',
    'X-Test',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'Cookie',
    'A-1',
    'Expect',
  );
  const value = fc.oneof(
    fc.constantFrom('1', '3', '003', 'chunked', 'close', 'keep-alive', 'gzip', '*/*', 'x y', '100-continue'),
    fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 8,
    }),
  );
  const line = fc
    .tuple(name, odd, fc.constantFrom(':', ': ', ': ', ': ', ':  ', ' :', ''), value, odd)
    .map((parts) => parts.join(''));
  const request = fc
    .tuple(
      fc.constantFrom('POST', 'POST', 'OPTIONS', 'post', 'POST '),
      fc.constantFrom('/x', '/Microsoft-Server-ActiveSync?Cmd=Ping', '/a%20b', '*', 'http://h/x', '/a b'),
      odd,
      fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'http/1.1'),
      fc.array(line, { maxLength: 4 }),
      fc.constantFrom('\r\n', '\r\n', '\r\n', '\n'),
    )
    .map(([method, target, junk, version, lines, end]) =>
      [`${method} ${target}${junk} ${version}`, 'Host: a', ...lines, '', ''].join(end),
    );

  it('reads the same request wherever the parser accepts one', async () => {
    let agreed = 0;
    await fc.assert(
      fc.asyncProperty(request, async (text) => {
        const head = parse(text);
        if (head === null || typeof head === 'string') return;
        // A body of just the announced size, so that node:http can finish.
        const body = head.framing === 'chunked' ? '3\r\nabc\r\n0\r\n\r\n' : 'b'.repeat(head.contentLength);
        seen.length = 0;
        const answer = await exchange(text.slice(0, head.end) + body);
        // node:http answers other Expect values and Upgrade itself; everything accepted here is a plain request.
        expect(answer).toMatch(/HTTP\/1\.1 200/);
        expect(seen).toHaveLength(1);
        const other = seen[0];
        expect(other?.method).toBe(head.method);
        expect(other?.url).toBe(head.target);
        expect(other?.body).toBe(head.framing === 'chunked' ? 'abc' : body);
        for (const forwarded of head.headerLines.split('\r\n').filter(Boolean)) {
          const colon = forwarded.indexOf(':');
          const at = other?.headers.findIndex(
            (text, index) =>
              index % 2 === 0 &&
              text === forwarded.slice(0, colon) &&
              other.headers[index + 1] === forwarded.slice(colon + 2),
          );
          expect(at).toBeGreaterThanOrEqual(0);
        }
        agreed++;
      }),
      { numRuns: 4000 },
    );
    expect(agreed).toBeGreaterThan(100);
  });
});
