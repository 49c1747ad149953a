// Owns the promises of the response head parser.
import { describe, expect, it } from 'vitest';
import { parseResponseHead } from '../../src/http/response-head.ts';
import type { ResponseHead } from '../../src/http/response-head.ts';

const parse = (text: string) => {
  const bytes = Buffer.from(text, 'latin1');
  return parseResponseHead(bytes, 0, bytes.length, 2048);
};
const accepted = (text: string): ResponseHead => {
  const head = parse(text);
  if (head === null || head === 'invalid') throw new Error(`refused: ${head}`);
  return head;
};

describe('parseResponseHead', () => {
  it('re-emits status line and end-to-end headers', () => {
    const head = accepted(
      'HTTP/1.1 200 OK\r\nA:  1\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\nabc',
    );
    expect(head).toMatchObject({ status: 200, statusLine: 'HTTP/1.1 200 OK\r\n', headerLines: 'A: 1\r\n' });
    expect(head).toMatchObject({ framing: 'length', contentLength: 3, keepAlive: false });
  });

  it('keeps every WWW-Authenticate line apart', () => {
    const lines = 'WWW-Authenticate: Bearer x="1"\r\nWWW-Authenticate: Basic realm="a"\r\n';
    expect(accepted(`HTTP/1.1 401 No\r\n${lines}Content-Length: 0\r\n\r\n`).headerLines).toBe(lines);
  });

  it.each([
    ['204', 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n', 'none'],
    ['304', 'HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n', 'none'],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\n', 'close'],
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n', 'chunked'],
    ['length 0', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'none'],
  ])('finds the framing of %s', (_name, text, framing) => {
    expect(accepted(text).framing).toBe(framing);
  });

  it('accepts an empty reason phrase with and without its space', () => {
    expect(accepted('HTTP/1.1 200\r\n\r\n').statusLine).toBe('HTTP/1.1 200 \r\n');
    expect(accepted('HTTP/1.1 200 \r\n\r\n').statusLine).toBe('HTTP/1.1 200 \r\n');
  });

  it('asks for more at every cut', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n';
    for (let cut = 0; cut < text.length; cut++) expect(parse(text.slice(0, cut))).toBeNull();
  });

  it.each([
    ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['garbage', 'hello, this is not http\r\n\r\n'],
    ['status 600', 'HTTP/1.1 600 OK\r\n\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\nA: b\n\n'],
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n'],
    ['bad length', 'HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n'],
    ['gzip coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
    ['obs-fold', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
    ['NUL', 'HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n'],
    ['endless head', 'HTTP/1.1 200 OK\r\nA: ' + 'b'.repeat(4000)],
  ])('refuses %s', (_name, text) => {
    expect(parse(text)).toBe('invalid');
  });
});
