// Owns the promises of Autodiscover's bytes: one spelling of each target, only plain XML, nothing unescaped.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerJson } from '../../src/eas/autodiscover/json.ts';
import {
  factsOfEmail,
  readRequest,
  readServerAnswer,
  writeError,
  writeRedirect,
  writeRequest,
  writeSettings,
} from '../../src/eas/autodiscover/pox.ts';
import { parseAutodiscoverTarget } from '../../src/eas/autodiscover/target.ts';
import { escapeXml, readXml } from '../../src/eas/autodiscover/xml.ts';

const URL = 'https://mail.example.com/Microsoft-Server-ActiveSync';
const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

describe('a target', () => {
  it.each([
    ['POST', '/autodiscover/autodiscover.xml', { form: 'xml', bad: null }],
    ['POST', '/Autodiscover/Autodiscover.XML', { form: 'xml', bad: null }],
    ['GET', '/autodiscover/autodiscover.xml', { form: 'xml', bad: null }],
    ['GET', '/autodiscover/autodiscover.json', { form: 'json', email: null, protocol: null }],
    [
      'GET',
      '/autodiscover/autodiscover.json?Email=ann%40example.com&Protocol=ActiveSync&RedirectCount=1',
      { form: 'json', email: 'ann@example.com', protocol: 'ActiveSync' },
    ],
    [
      'GET',
      '/Autodiscover/AutoDiscover.json/v1.0/ann@example.com?Protocol=ActiveSync',
      { form: 'json', email: 'ann@example.com', protocol: 'ActiveSync' },
    ],
    [
      'GET',
      '/autodiscover/autodiscover.json?Email=ann%40example.com&Protocol=AutodiscoverV1&',
      { form: 'json', email: 'ann@example.com', protocol: 'AutodiscoverV1' },
    ],
    ['POST', '/Microsoft-Server-ActiveSync?Cmd=Sync', null],
    ['POST', '/autodiscover', null],
    ['POST', '/autodiscover/autodiscover%2exml', null],
    ['POST', '/x/autodiscover/autodiscover.xml', null],
    ['POST', '/autodiscover/autodiscover.xml?x=1', { form: 'xml', bad: null }],
    ['GET', '/autodiscover/autodiscover.xml?', { form: 'xml', bad: null }],
    ['PUT', '/autodiscover/autodiscover.xml', { form: 'xml', bad: 'EASGATE_NOT_FOUND' }],
    ['POST', '/autodiscover/autodiscover.xml/', 'EASGATE_NOT_FOUND'],
    ['POST', '/autodiscover/autodiscover.svc', 'EASGATE_NOT_FOUND'],
    ['POST', '/autodiscover/autodiscover.json', 'EASGATE_NOT_FOUND'],
    ['GET', '/autodiscover/autodiscover.json/', 'EASGATE_NOT_FOUND'],
    ['GET', '/autodiscover/autodiscover.json/v1.0/', 'EASGATE_QUERY_VALUE'],
    ['GET', '/autodiscover/autodiscover.json/v1.0/a@b/owa', 'EASGATE_NOT_FOUND'],
    ['GET', '/autodiscover/autodiscover.json/v1.0/a@b;x', 'EASGATE_NOT_FOUND'],
    // CVE-2021-34473 and CVE-2022-41040
    [
      'GET',
      '/autodiscover/autodiscover.json?@evil.com/owa/?&Email=autodiscover/autodiscover.json%3F@evil.com',
      'EASGATE_QUERY_MALFORMED',
    ],
    ['GET', '/autodiscover/autodiscover.json?Email=a@b&Email=c@d', 'EASGATE_QUERY_DUPLICATE'],
    ['GET', '/autodiscover/autodiscover.json?Email=a@b&email=c@d', 'EASGATE_QUERY_DUPLICATE'],
    ['GET', '/autodiscover/autodiscover.json/v1.0/a@b?Email=c@d', 'EASGATE_QUERY_DUPLICATE'],
    ['GET', '/autodiscover/autodiscover.json?Email=%0d%0a', 'EASGATE_QUERY_VALUE'],
    ['GET', '/autodiscover/autodiscover.json?Email=', 'EASGATE_QUERY_VALUE'],
    [
      'GET',
      '/autodiscover/autodiscover.json?Mail=a@b&X=&Protocol=ActiveSync',
      { form: 'json', email: null, protocol: 'ActiveSync' },
    ],
    ['GET', '/autodiscover/autodiscover.json?Email=a@b&%50rotocol=x', 'EASGATE_QUERY_NAME'],
    ['GET', '/autodiscover/autodiscover.json?Email=a@b&/owa=x', 'EASGATE_QUERY_NAME'],
    ['GET', '/autodiscover/autodiscover.json?Email=a@b&x=1&x=2', 'EASGATE_QUERY_DUPLICATE'],
    [
      'GET',
      `/autodiscover/autodiscover.json?${'abcdefghi'.split('').join('=1&')}=1`,
      'EASGATE_QUERY_MALFORMED',
    ],
    ['GET', '/autodiscover/autodiscover.json?Email=a@b&&', 'EASGATE_QUERY_MALFORMED'],
    ['GET', `/autodiscover/autodiscover.json?Email=${'a'.repeat(1_100)}`, 'EASGATE_QUERY_TOO_LONG'],
  ])('%s %s', (method, target, expected) => {
    expect(parseAutodiscoverTarget(method, target)).toEqual(expected);
  });
});

describe('the answer in JSON', () => {
  const ask = (email: string | null, protocol: string | null) =>
    answerJson({ form: 'json', email, protocol }, URL);

  it('is the URL of this gateway, whatever the letter case of ActiveSync', () => {
    for (const protocol of ['ActiveSync', 'activesync']) {
      const { status, body } = ask('ann@example.com', protocol);
      expect(status).toBe(200);
      expect(JSON.parse(body)).toEqual({ Protocol: 'ActiveSync', Url: URL });
    }
  });

  it.each([
    [URL, 'https://mail.example.com/autodiscover/autodiscover.xml'],
    [
      'https://a.example:8443/microsoft-server-activesync',
      'https://a.example:8443/autodiscover/autodiscover.xml',
    ],
  ])('is the XML of the same gateway for version 1 of Autodiscover: %s', (url, expected) => {
    for (const protocol of ['AutodiscoverV1', 'autodiscoverv1', 'AUTODISCOVERV1']) {
      const { status, body } = answerJson({ form: 'json', email: 'ann@example.com', protocol }, url);
      expect(status).toBe(200);
      expect(JSON.parse(body)).toEqual({ Protocol: 'AutodiscoverV1', Url: expected });
    }
  });

  it.each([
    ['ann@example.com', 'Ews', 'InvalidProtocol'],
    ['ann@example.com', 'AutodiscoverV2', 'InvalidProtocol'],
    ['ann@example.com', null, 'MandatoryParameterMissing'],
    [null, 'ActiveSync', 'MandatoryParameterMissing'],
    ['ann', 'ActiveSync', 'MandatoryParameterMissing'],
  ])('for %s and %s is an error without a user name', (email, protocol, code) => {
    const { status, body } = ask(email, protocol);
    expect(status).toBe(400);
    expect((JSON.parse(body) as { ErrorCode: string }).ErrorCode).toBe(code);
    expect(body).not.toContain('ann');
  });
});

const REQUEST_SPACE = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006';
const RESPONSE_SPACE = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006';
const OUTLOOK_SPACE = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006';
const request = (email: string, space = REQUEST_SPACE, schema = RESPONSE_SPACE): string =>
  `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="${space}"><Request><EMailAddress>${email}</EMailAddress>` +
  `<AcceptableResponseSchema>${schema}</AcceptableResponseSchema></Request></Autodiscover>`;

describe('a request in XML', () => {
  it('names the address', () => {
    expect(readRequest(bytes(request(' ann@example.com ')))).toBe('ann@example.com');
    expect(readRequest(bytes(writeRequest('ann&bob@example.com')))).toBe('ann&bob@example.com');
  });

  it('may use prefixes and comments', () => {
    const text =
      `<!-- a --><a:Autodiscover xmlns:a="${REQUEST_SPACE}"><a:Request><a:EMailAddress>ann@<![CDATA[example]]>.com` +
      `</a:EMailAddress><a:AcceptableResponseSchema>${RESPONSE_SPACE}</a:AcceptableResponseSchema></a:Request></a:Autodiscover>`;
    expect(readRequest(bytes(text))).toBe('ann@example.com');
  });

  it.each([
    ['of Outlook', request('ann@example.com', OUTLOOK_SPACE), 601],
    ['for another answer', request('ann@example.com', REQUEST_SPACE, 'x'), 601],
    ['without an address', request(''), 600],
    ['about no address', request('ann'), 600],
    ['about an address with a line break', request('ann&#10;bob@example.com'), 600],
    ['about a long address', request(`${'a'.repeat(320)}@b`), 600],
    ['that is empty', '', 600],
    ['that is no XML', 'Cmd=Sync', 600],
    ['that does not end', request('a@b').slice(0, -3), 600],
    ['with a second root', `${request('a@b')}<x/>`, 600],
    [
      'with a document type',
      `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>${request('&e;@b')}`,
      600,
    ],
    [
      'with entities that grow',
      `<!DOCTYPE a [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>${request('&b;@b')}`,
      600,
    ],
    ['with an unknown entity', request('&nbsp;a@b'), 600],
    ['with a processing instruction', `<?php x?>${request('a@b')}`, 600],
    ['in another encoding', request('a@b').replace('utf-8', 'utf-16'), 600],
    ['in Latin-1, with others', request('\u00e4@b').replace('utf-8', 'iso-8859-1'), 600],
    ['of many elements', request('a@b').replace('<Request>', `<Request>${'<x/>'.repeat(300)}`), 600],
    [
      'of deep elements',
      request('a@b').replace('<Request>', `<Request>${'<x>'.repeat(20)}${'</x>'.repeat(20)}`),
      600,
    ],
  ])('%s is no request', (_, text, code) => {
    expect(readRequest(bytes(text))).toBe(code);
  });

  it.each(['US-ASCII', 'iso-8859-1', 'utf8'])(
    'that declares %s is read if its bytes are the same in UTF-8',
    (encoding) => {
      expect(readRequest(bytes(request('a@b').replace('utf-8', encoding)))).toBe('a@b');
    },
  );

  it('that is not UTF-8 is refused', () => {
    expect(readRequest(Buffer.concat([bytes(request('a@b')), Buffer.from([0xff])]))).toBe(600);
  });
});

describe('an answer in XML', () => {
  it('names the user and this gateway', () => {
    const text = writeSettings(factsOfEmail('ann@example.com'), URL);
    expect(readServerAnswer(bytes(text))).toEqual({
      kind: 'settings',
      facts: factsOfEmail('ann@example.com'),
    });
    expect(text.split(URL)).toHaveLength(3);
  });

  it('is read back whatever the names are', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 50 });
    fc.assert(
      fc.property(name, name, (displayName, email) => {
        const text = writeSettings({ culture: 'de:de', displayName, email }, URL);
        const said = readServerAnswer(bytes(text));
        expect(said?.kind).toBe('settings');
        // eslint-disable-next-line vitest/no-conditional-expect
        if (said?.kind === 'settings' && /^[ -~]*$/.test(displayName))
          expect(said.facts.displayName).toBe(displayName.trim());
      }),
    );
  });

  it('of a server loses the addresses in it', () => {
    const text = writeSettings(factsOfEmail('ann@example.com'), 'https://internal.corp/EAS');
    expect(JSON.stringify(readServerAnswer(bytes(text)))).not.toContain('internal');
  });

  it('may send the phone to another address of the same user', () => {
    const text = writeRedirect(factsOfEmail('ann@example.com'), 'ann@other.example');
    expect(readServerAnswer(bytes(text))).toMatchObject({ kind: 'redirect', email: 'ann@other.example' });
  });

  it.each([600, 601] as const)('may be error %i', (code) => {
    expect(readServerAnswer(bytes(writeError(code)))).toEqual({ kind: 'error' });
  });

  it.each([
    ['nothing', ''],
    ['a page', '<html><body>Sign in</body></html>'],
    ['no server for phones', writeSettings(factsOfEmail('a@b'), URL).replace('MobileSync', 'CertEnroll')],
    ['a redirect to no address', writeRedirect(factsOfEmail('a@b'), 'https://elsewhere')],
  ])('that is %s is not understood', (_, text) => {
    expect(readServerAnswer(bytes(text))).toBeNull();
  });
});

describe('readXml', () => {
  it('reads or refuses any octets', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[<>/a&;"'=! ?-]{0,60}$/)),
        (text) => {
          expect(['object']).toContain(typeof readXml(bytes(text)));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('reads back what was escaped', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~äöü€]{0,40}$/u), (text) => {
        expect(readXml(bytes(`<a>${escapeXml(text)}</a>`))?.text).toBe(text);
      }),
    );
  });

  it('gets a question mark in place of a character that XML does not allow', () => {
    expect(escapeXml('a\u0000b\ud800c')).toBe('a?b\ufffdc');
  });
});
