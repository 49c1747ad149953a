// Owns variations of the reported requests (test/fixtures/cases): the result expected of one case is expected of its whole kind.
import { vectors } from '../support/checks/fixtures.ts';
import type { CaseExpectation, ClientCase, ClientRequest } from '../support/checks/case-runner.ts';

/** A kind of request with its variations. */
export interface Kind {
  readonly title: string;
  readonly cases: readonly ClientCase[];
}

const PATH = '/Microsoft-Server-ActiveSync';
const DEVICE = 'DeviceId=VARIANT1&DeviceType=iPhone';
const QUERY = `Cmd=FolderSync&User=alice&${DEVICE}`;
/** FolderSync with key 0. */
const BODY = Buffer.from('03016a00000756520330000101', 'hex').toString('base64');
const WBXML = { 'Content-Type': 'application/vnd.ms-sync.wbxml', 'MS-ASProtocolVersion': '14.1' };

/** An Authorization header with Basic credentials, in UTF-8 or the given encoding. */
const basic = (login: string, encoding: 'utf8' | 'latin1' = 'utf8'): Readonly<Record<string, string>> => ({
  Authorization: `Basic ${Buffer.from(`${login}:pw`, encoding).toString('base64')}`,
});
const ALICE = basic('alice');

const post = (target: string, headers: Readonly<Record<string, string>>): ClientRequest => ({
  method: 'POST',
  target,
  headers: { ...WBXML, ...headers },
  bodyBase64: BODY,
});
const bare = (
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): ClientRequest => ({ method, target, headers });

type Row = readonly [
  name: string,
  request: ClientRequest,
  expected: CaseExpectation,
  config?: Readonly<Record<string, unknown>>,
];
const kind = (title: string, source: string, rows: readonly Row[]): Kind => ({
  title,
  cases: rows.map(([name, request, expected, config]) => ({
    name,
    source,
    request,
    expect: expected,
    ...(config === undefined ? {} : { setup: { config } }),
  })),
});

const passed = (upstreamTarget: string, more: CaseExpectation = {}): CaseExpectation => ({
  status: 200,
  upstream: true,
  upstreamTarget,
  ...more,
});
const challenged: CaseExpectation = { status: 401, challenge: true, upstream: false };

// ------------------------------------------------------------------------------------------------ OPTIONS, targets

const OPTIONS_BARE = 'jQkJBAZBQkMxMjMABmlQaG9uZQ==';
const options = kind('OPTIONS', 'MS-ASHTTP 2.2.3: it has no command', [
  [
    'Cmd=Options, last',
    bare('OPTIONS', `${PATH}?User=alice&${DEVICE}&Cmd=Options`, ALICE),
    passed(`${PATH}?User=alice&${DEVICE}`),
  ],
  [
    'Cmd of a real command',
    bare('OPTIONS', `${PATH}?${QUERY}`, ALICE),
    passed(`${PATH}?User=alice&${DEVICE}`),
  ],
  ['an empty Cmd', bare('OPTIONS', `${PATH}?Cmd=&User=alice`, ALICE), passed(`${PATH}?User=alice`)],
  ['nothing but Cmd', bare('OPTIONS', `${PATH}?Cmd=OPTIONS`, ALICE), passed(PATH)],
  ['an empty query', bare('OPTIONS', `${PATH}?`, ALICE), passed(PATH)],
  ['nothing but an ampersand', bare('OPTIONS', `${PATH}?&`, ALICE), passed(PATH)],
  ['a base64 query', bare('OPTIONS', `${PATH}?${OPTIONS_BARE}`, ALICE), passed(PATH)],
  ['a slash behind the path', bare('OPTIONS', `${PATH}/?Cmd=Options`, ALICE), passed(PATH)],
  ['default.eas', bare('OPTIONS', `${PATH}/default.eas?Cmd=Options`, ALICE), passed(PATH)],
  ['Cmd=Options without a login', bare('OPTIONS', `${PATH}?Cmd=Options`), { status: 401, challenge: true }],
  [
    'a malformed query without a login',
    bare('OPTIONS', `${PATH}?cmd=Options`),
    { status: 401, challenge: true },
  ],
  [
    'a repeated Cmd',
    bare('OPTIONS', `${PATH}?Cmd=Options&Cmd=Options`, ALICE),
    { status: 400, upstream: false },
  ],
  [
    "somebody else's User",
    bare('OPTIONS', `${PATH}?Cmd=Options&User=bob`, ALICE),
    { status: 403, upstream: false },
  ],
]);

const targets = kind(
  'paths and ends of queries',
  'architecture of the gate: one spelling that all servers read alike',
  [
    ['a slash behind the path of a POST', post(`${PATH}/?${QUERY}`, ALICE), passed(`${PATH}?${QUERY}`)],
    [
      'a slash behind the path in lower case',
      post(`${PATH.toLowerCase()}/?${QUERY}`, ALICE),
      passed(`${PATH}?${QUERY}`),
    ],
    ['two slashes behind the path', post(`${PATH}//?${QUERY}`, ALICE), { status: 404, upstream: false }],
    [
      'an encoded slash behind the path',
      post(`${PATH}%2F?${QUERY}`, ALICE),
      { status: 404, upstream: false },
    ],
    ['a query that ends in an ampersand', post(`${PATH}?${QUERY}&`, ALICE), passed(`${PATH}?${QUERY}`)],
    [
      'an unknown name and an ampersand at the end',
      post(`${PATH}?${QUERY}&Log=x&`, ALICE),
      passed(`${PATH}?${QUERY}`),
    ],
    ['two ampersands at the end', post(`${PATH}?${QUERY}&&`, ALICE), { status: 400, upstream: false }],
    [
      'an ampersand behind a base64 query',
      post(`${PATH}?jQkJBAZBQkMxMjMABmlQaG9uZQ==&`, ALICE),
      { status: 400, upstream: false },
    ],
  ],
);

// ------------------------------------------------------------------------------------------------ base64 queries

function base64(...parameters: readonly number[]): string {
  return Buffer.concat([
    Buffer.from([141, 9, 9, 4, 6]),
    Buffer.from('ABC123'),
    Buffer.from([4, 7, 0, 0, 0, 6]),
    Buffer.from('iPhone'),
    Buffer.from(parameters),
  ]).toString('base64');
}
const USER = [8, 5, ...Buffer.from('alice')];
const tagged = (name: string, sent: readonly number[], kept: readonly number[]): Row => [
  name,
  post(`${PATH}?${base64(...sent)}`, ALICE),
  passed(`${PATH}?${base64(...kept)}`, { command: 'FolderSync', device: 'abc123' }),
];
const tags = kind(
  'base64 queries with unassigned tags',
  'Windows 10 Mail sends tag 255; MS-ASHTTP 2.2.1.1.1.1.3',
  [
    tagged('tag 255 of Windows Mail', [255, 3, 1, 12, 1], []),
    tagged('an empty tag 9', [9, 0], []),
    tagged('the tags of the retired names', [2, 1, 120, 5, 1, 121], []),
    tagged('one before others', [255, 1, 8, ...USER, 7, 1, 0], [...USER, 7, 1, 0]),
    tagged('one between others', [...USER, 100, 4, 8, 1, 97, 0, 7, 1, 2], [...USER, 7, 1, 2]),
    tagged('one behind others', [7, 1, 0, 255, 0], [7, 1, 0]),
    tagged('many', Array.from({ length: 40 }, (_, index) => [20 + index, 1, index]).flat(), []),
    ['one that is cut off', post(`${PATH}?${base64(255, 4, 1)}`, ALICE), { status: 400, upstream: false }],
    [
      'User twice, once behind an unassigned tag',
      post(`${PATH}?${base64(...USER, 255, 0, ...USER)}`, ALICE),
      { status: 400, upstream: false },
    ],
  ],
);

// ------------------------------------------------------------------------------------------------ requests without credentials

const strangers = kind('no login', 'RFC 9110 11.6.1: the challenge comes before everything else', [
  ...['GET', 'PUT', 'DELETE', 'PROPFIND', 'POST'].flatMap((method): Row[] => [
    [`${method} of the bare path`, bare(method, PATH), challenged],
    [`${method} of the path with a slash`, bare(method, `${PATH}/`), challenged],
    [`${method} with an empty Bearer`, bare(method, PATH, { Authorization: 'bearer' }), challenged],
  ]),
  ['HEAD', bare('HEAD', PATH), { status: 401, challenge: true }],
  ['a Basic without anything', bare('POST', `${PATH}?${QUERY}`, { Authorization: 'Basic ' }), challenged],
  ['Digest', bare('POST', `${PATH}?${QUERY}`, { Authorization: 'Digest username="alice"' }), challenged],
  ['Negotiate without a token', bare('POST', `${PATH}?${QUERY}`, { Authorization: 'Negotiate' }), challenged],
  ['a POST without a query', post(PATH, {}), challenged],
  ['an empty query', post(`${PATH}?`, {}), challenged],
  ['an unknown command', post(`${PATH}?Cmd=Nonsense`, {}), challenged],
  ['a repeated name', post(`${PATH}?${QUERY}&DeviceId=OTHER`, {}), challenged],
  ['a malformed base64 query', post(`${PATH}?jQkJ`, {}), challenged],
  ['an unknown protocol version', post(`${PATH}?${QUERY}`, { 'MS-ASProtocolVersion': '1.0' }), challenged],
  ['a malformed policy key', post(`${PATH}?${QUERY}`, { 'X-MS-PolicyKey': 'x' }), challenged],
  ['another root than Cmd', post(`${PATH}?${QUERY.replace('FolderSync', 'Ping')}`, {}), challenged],
  ['a body that is no WBXML', { ...post(`${PATH}?${QUERY}`, {}), bodyBase64: btoa('<xml/>') }, challenged],
  ['a content type that does not fit', post(`${PATH}?${QUERY}`, { 'Content-Type': 'text/html' }), challenged],
  ['a content coding that is not known', post(`${PATH}?${QUERY}`, { 'Content-Encoding': 'br' }), challenged],
  [
    'a body that is announced larger than allowed',
    post(`${PATH}?${QUERY}`, { 'Content-Length': '999999999' }),
    challenged,
  ],
  ['a body that waits to be asked for', post(`${PATH}?${QUERY}`, { Expect: '100-continue' }), challenged],
  ['another path', bare('GET', '/owa'), { status: 404, upstream: false }],
  [
    'a malformed length, which is no question of a login',
    post(`${PATH}?${QUERY}`, { 'Content-Length': '+13' }),
    { status: 400, upstream: false },
  ],
  ['GET with a login', bare('GET', PATH, ALICE), { status: 405, upstream: false }],
]);

const MOBILE = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync';
const DISCOVER = btoa(
  `<?xml version='1.0' encoding='utf-8'?><Autodiscover xmlns="${MOBILE}/requestschema/2006"><Request>` +
    '<EMailAddress>alice@example.com</EMailAddress>' +
    `<AcceptableResponseSchema>${MOBILE}/responseschema/2006</AcceptableResponseSchema></Request></Autodiscover>`,
);
const discover = (type: string): ClientRequest => ({
  method: 'POST',
  target: '/autodiscover/autodiscover.xml?',
  headers: { ...ALICE, ...(type === '' ? {} : { 'Content-Type': type }) },
  bodyBase64: DISCOVER,
});

const discovery = kind('Autodiscover', 'MS-OXDSCLI; phones fall back to GET', [
  [
    'GET with a login',
    bare('GET', '/autodiscover/autodiscover.xml', ALICE),
    { status: 200, bodyContains: '<ErrorCode>600</ErrorCode>' },
  ],
  [
    'GET in capitals with a login',
    bare('GET', '/Autodiscover/Autodiscover.xml', ALICE),
    { status: 200, bodyContains: '<ErrorCode>600</ErrorCode>' },
  ],
  [
    'a POST without a body',
    bare('POST', '/autodiscover/autodiscover.xml', ALICE),
    { status: 200, bodyContains: '<ErrorCode>600</ErrorCode>' },
  ],
  ['a POST without a body and login', bare('POST', '/autodiscover/autodiscover.xml'), challenged],
  [
    'OPTIONS without a login',
    bare('OPTIONS', '/autodiscover/autodiscover.xml'),
    { status: 401, challenge: true },
  ],
  [
    'GET with an empty Bearer',
    bare('GET', '/autodiscover/autodiscover.xml', { Authorization: 'Bearer' }),
    challenged,
  ],
  ['GET with a query and no login', bare('GET', '/autodiscover/autodiscover.xml?a=b', {}), challenged],
  [
    'GET with a name that is none',
    bare('GET', '/autodiscover/autodiscover.xml', basic('alice ')),
    challenged,
  ],
  [
    'JSON about version 1',
    bare('GET', '/autodiscover/autodiscover.json?Email=a%40example.com&Protocol=AutodiscoverV1'),
    { status: 200, bodyContains: '"Url":"https://mail.example.com/autodiscover/autodiscover.xml"' },
  ],
  [
    'JSON about version 1, with the address in the path',
    bare('GET', '/autodiscover/autodiscover.json/v1.0/a@example.com?Protocol=autodiscoverv1&RedirectCount=1'),
    { status: 200, bodyContains: '"Protocol":"AutodiscoverV1"' },
  ],
  [
    'JSON with an ampersand at the end',
    bare('GET', '/autodiscover/autodiscover.json?Email=a@example.com&Protocol=ActiveSync&'),
    { status: 200, bodyContains: 'https://mail.example.com/Microsoft-Server-ActiveSync' },
  ],
  [
    'JSON with parameters that nobody knows',
    bare(
      'GET',
      '/autodiscover/autodiscover.json?Email=a@example.com&Protocol=ActiveSync&a=%zz&b=&RedirectCount=',
    ),
    { status: 200, bodyContains: 'https://mail.example.com/Microsoft-Server-ActiveSync' },
  ],
  [
    'JSON with a path in place of a name (CVE-2021-34473)',
    bare(
      'GET',
      '/autodiscover/autodiscover.json?@evil.example/mapi/nspi/?&Email=autodiscover/autodiscover.json%3f@evil.example',
    ),
    { status: 400, upstream: false },
  ],
  ...['text/xml', 'text/xml;', 'text/xml; charset=us-ascii', 'application/xml;charset=ISO-8859-1', ''].map(
    (type): Row => [
      `a POST of ${type === '' ? 'no type' : type}`,
      discover(type),
      { status: 200, bodyContains: 'https://mail.example.com/Microsoft-Server-ActiveSync' },
    ],
  ),
  ['a POST of a form', discover('application/x-www-form-urlencoded'), { status: 400, upstream: false }],
  [
    'JSON about another protocol',
    bare('GET', '/autodiscover/autodiscover.json?Email=a@b.c&Protocol=Ews'),
    { status: 400, bodyContains: 'InvalidProtocol' },
  ],
]);

// ------------------------------------------------------------------------------------------------ logins

const from = (claim: string): string => `${PATH}?Cmd=FolderSync&User=${claim}&${DEVICE}`;

const names = kind('names that are none', 'RFC 9110 15.5.2: 401 makes a phone ask for the name again', [
  ...[
    'EXAMPLE/carol',
    'carol/',
    'carol ',
    ' carol',
    'EXAMPLE\\carol ',
    'EXAMPLE\\ carol',
    'carol  smith',
    'EXAMPLE\\sub\\carol',
    'EXAMPLE\\',
    'carol#bob',
    'bob!carol',
    'c\xadarol',
    'c'.repeat(300),
    '',
  ].map((login): Row => [JSON.stringify(login).slice(0, 30), post(from('carol'), basic(login)), challenged]),
  ['the same name in User=', post(from('EXAMPLE%2Fcarol'), basic('EXAMPLE/carol')), challenged],
  ['bytes of no alphabet', post(from('carol'), basic('car\x81l', 'latin1')), challenged],
  ['no colon', post(from('carol'), { Authorization: `Basic ${btoa('carol')}` }), challenged],
  ['no base64', post(from('carol'), { Authorization: 'Basic carol:pw' }), challenged],
  ['no token', post(from('carol'), { Authorization: 'Bearer carol' }), challenged],
  ['one that is fine', post(from('carol'), basic('carol')), passed(from('carol'), { user: 'carol' })],
]);

const letters = kind('names beyond ASCII', 'mail apps send Latin-1 and UTF-8 (RFC 7617 2.1)', [
  [
    'Latin-1',
    post(from('m%C3%BCller'), basic('müller', 'latin1')),
    { status: 200, upstream: true, user: 'müller' },
  ],
  ['UTF-8', post(from('m%C3%BCller'), basic('müller')), { status: 200, upstream: true, user: 'müller' }],
  [
    'UTF-8, decomposed',
    post(from('mu%CC%88ller'), basic('mu\u0308ller')),
    { status: 200, upstream: true, user: 'müller' },
  ],
  [
    'Latin-1 in User= too',
    post(from('m%FCller'), basic('müller', 'latin1')),
    { status: 200, upstream: true, user: 'müller' },
  ],
  [
    'Latin-1, in capitals',
    post(from('m%C3%BCller'), basic('MÜLLER', 'latin1')),
    { status: 200, upstream: true, user: 'müller' },
  ],
  [
    'Latin-1, behind a domain',
    post(from('EXAMPLE%5Cm%C3%BCller'), basic('EXAMPLE\\müller', 'latin1')),
    { status: 200, upstream: true },
  ],
  [
    'Latin-1, all vowels',
    post(from('%C3%A4%C3%B6%C3%BC%C3%9F%C3%A9'), basic('äöüßé', 'latin1')),
    { status: 200, upstream: true, user: 'äöüßé' },
  ],
]);

const spaces = kind(
  'User= with a space',
  'forms encode a space as a plus; PHP reads it so and SOGo does not',
  [
    [
      'a plus',
      post(from('john+smith'), basic('john smith')),
      passed(from('john%20smith'), { user: 'john smith' }),
    ],
    [
      '%20',
      post(from('john%20smith'), basic('john smith')),
      passed(from('john%20smith'), { user: 'john smith' }),
    ],
    ['two pluses', post(from('john+jay+smith'), basic('john jay smith')), passed(from('john%20jay%20smith'))],
    [
      'a plus behind a domain',
      post(from('EXAMPLE%5Cjohn+smith'), basic('EXAMPLE\\john smith')),
      passed(from('EXAMPLE%5Cjohn%20smith')),
    ],
    ['a real plus, raw', post(from('al+ice'), basic('al+ice')), passed(from('al%2Bice'), { user: 'al+ice' })],
    [
      'a real plus, encoded',
      post(from('al%2Bice'), basic('al+ice')),
      passed(from('al%2Bice'), { user: 'al+ice' }),
    ],
    [
      'a real plus and a space',
      post(from('a%2Bb+c'), basic('a+b c')),
      passed(from('a%2Bb%20c'), { user: 'a+b c' }),
    ],
    [
      'a plus where the name has a real one encoded',
      post(from('al%2Bice'), basic('al ice')),
      { status: 403, upstream: false },
    ],
    [
      'a plus that means nobody',
      post(from('john+smith'), basic('johnsmith')),
      { status: 403, upstream: false },
    ],
    [
      'a plus where the claim is written anew',
      post(from('john+smith'), basic('john smith')),
      passed(from('john%20smith')),
      { identity: { userClaim: 'rewrite' } },
    ],
    [
      'a plus where the claim is ignored',
      post(from('john+smith'), basic('john smith')),
      passed(from('john%20smith')),
      { identity: { userClaim: 'ignore' } },
    ],
  ],
);

// ------------------------------------------------------------------------------------------------ headers, bodies

const key = (value: string): ClientRequest => post(`${PATH}?${QUERY}`, { ...ALICE, 'X-MS-PolicyKey': value });
const taken = passed(`${PATH}?${QUERY}`);
const refused: CaseExpectation = { status: 400, upstream: false };
const policyKeys = kind('policy keys', 'MS-ASHTTP 2.2.1.1.2.5; old copies of Z-Push', [
  ['empty', key(''), taken],
  ['0', key('0'), taken],
  ['of 32 bits', key('4294967295'), taken],
  ['above 32 bits', key('4294967296'), taken],
  ['of ten digits', key('9999999999'), taken],
  ['of eleven digits', key('10000000000'), refused],
  ['negative', key('-1'), refused],
  ['in hex', key('0xff'), refused],
  ['two', key('1, 2'), refused],
  [
    'empty beside one in a base64 query',
    post(`${PATH}?${base64()}`, { ...ALICE, 'X-MS-PolicyKey': '' }),
    passed(`${PATH}?${base64()}`),
  ],
  [
    'other than the one in a base64 query',
    post(`${PATH}?${base64()}`, { ...ALICE, 'X-MS-PolicyKey': '8' }),
    refused,
  ],
]);

const typed = (type: string): ClientRequest => post(`${PATH}?${QUERY}`, { ...ALICE, 'Content-Type': type });
const untyped = (body: string): ClientRequest => ({
  method: 'POST',
  target: `${PATH}?${QUERY}`,
  headers: { 'MS-ASProtocolVersion': '14.1', ...ALICE },
  bodyBase64: body,
});
const MAIL = QUERY.replace('FolderSync', 'SendMail');
const mail = (type: string, version: string): ClientRequest => ({
  method: 'POST',
  target: `${PATH}?${MAIL}`,
  headers: { 'Content-Type': type, 'MS-ASProtocolVersion': version, ...ALICE },
  bodyBase64: btoa('From: a@example.com\r\n\r\nx'),
});
const contentTypes = kind(
  'content types',
  'RFC 9110 8.3.1; XMLHttpRequest (WHATWG 4.5.6) and .NET StringContent append a charset',
  [
    ['a charset', typed('application/vnd.ms-sync.wbxml;charset=UTF-8'), taken],
    ['a charset in quotes', typed('application/vnd.ms-sync.wbxml; charset="utf-8"'), taken],
    ['a charset behind the short type', typed('application/vnd.ms-sync; charset=utf-8'), taken],
    ['a semicolon and nothing behind', typed('application/vnd.ms-sync.wbxml;'), taken],
    ['in capitals', typed('Application/VND.MS-SYNC.WBXML; Charset=utf-8'), taken],
    ['none', untyped(BODY), taken],
    ['none, and a body that is no WBXML', untyped(btoa('From: a')), refused],
    ['none, and another root', untyped(Buffer.from('03016a00455c0101', 'hex').toString('base64')), refused],
    ['mail with a charset', mail('message/rfc822; charset=utf-8', '12.1'), passed(`${PATH}?${MAIL}`)],
    ['mail with a charset, where mails are WBXML', mail('message/rfc822; charset=utf-8', '14.1'), refused],
    ['another type in a parameter', typed('application/vnd.ms-sync.wbxml; a=message/rfc822'), refused],
    ['two types', typed('application/vnd.ms-sync.wbxml, message/rfc822'), refused],
  ],
);

const item = (parameters: string): ClientRequest => post(`${PATH}?${QUERY}&${parameters}`, ALICE);
const itemNames = kind(
  'names of items and folders',
  'AOSP appends them to the query as the server handed them out',
  [
    ...[
      'ItemId=5:12',
      'ItemId=INBOX/7',
      'LongId=RgAAAACY==',
      'CollectionId=a=b',
      'AttachmentName=a:1%2F==',
    ].map((parameters): Row => [parameters, item(parameters), passed(`${PATH}?${QUERY}&${parameters}`)]),
    ['a second question mark', item('ItemId=a?Cmd=Ping'), refused],
    ['an equals sign in DeviceType', post(`${PATH}?${QUERY}=`, ALICE), refused],
    ['an equals sign in Cmd', post(`${PATH}?Cmd==${QUERY.slice(4)}`, ALICE), refused],
  ],
);

const probe = (headers: Readonly<Record<string, string>>): ClientRequest =>
  bare('OPTIONS', PATH, { ...ALICE, ...headers });
const versions = kind('protocol versions', 'MS-ASHTTP 2.2.1.1.2.4; OPTIONS asks for them (2.2.3)', [
  ['an empty one', post(`${PATH}?${QUERY}`, { ...ALICE, 'MS-ASProtocolVersion': '' }), taken],
  ['an unknown one', post(`${PATH}?${QUERY}`, { ...ALICE, 'MS-ASProtocolVersion': '17.0' }), refused],
  ['an unknown one of OPTIONS', probe({ 'MS-ASProtocolVersion': '17.0' }), passed(PATH)],
  ['an old one of OPTIONS', probe({ 'MS-ASProtocolVersion': '1.0' }), passed(PATH)],
  ['an empty one of OPTIONS', probe({ 'MS-ASProtocolVersion': '' }), passed(PATH)],
  ['a policy key that is none, of OPTIONS', probe({ 'X-MS-PolicyKey': 'none' }), passed(PATH)],
]);

const { bodies } = vectors<{ bodies: { url: string; bodyHex: string }[] }>('tbsync-bodies');
const wbxml = kind(
  'WBXML with page switches before END, of a quarantined phone',
  'TbSync',
  bodies.map(({ url, bodyHex }, index): Row => [
    `body ${index}`,
    { ...post(url, basic('carol')), bodyBase64: Buffer.from(bodyHex, 'hex').toString('base64') },
    { status: 200, upstream: false, action: 'quarantine', command: 'GetItemEstimate' },
    { policy: { unknownDevice: 'quarantine' } },
  ]),
);

/** A body of a quarantined phone, in hex. */
const odd = (name: string, command: string, hex: string, expected: CaseExpectation): Row => [
  name,
  {
    ...post(`${PATH}?${QUERY.replace('FolderSync', command)}`, ALICE),
    bodyBase64: Buffer.from(hex.replaceAll(' ', ''), 'hex').toString('base64'),
  },
  { upstream: false, ...expected },
  { policy: { unknownDevice: 'quarantine' } },
];
const shown: CaseExpectation = { status: 200, action: 'quarantine' };
const unlisted = kind(
  'WBXML with unlisted tags, of a quarantined phone',
  'Outlook sends code page 254; MS-ASWBXML 2.1.2.1 lists others',
  [
    odd(
      'an unknown page in FolderSync',
      'FolderSync',
      '03016a00 0007 56 00fe 4503310001 0007 5203300001 01',
      shown,
    ),
    odd('an unknown tag of a known page', 'FolderSync', '03016a00 0007 56 7e 03310001 5203300001 01', shown),
    odd('an unknown tag without content', 'FolderSync', '03016a00 0007 56 3e 5203300001 01', shown),
    odd('one in Provision, which then stays here', 'Provision', '03016a00 000e 45 00fe 05 01', shown),
    odd(
      'one in Settings, which then stays here',
      'Settings',
      '03016a00 0012 45 56 48 00fe 05 01 01 01',
      shown,
    ),
    odd('an unknown root', 'FolderSync', '03016a00 00fe 45 01', { status: 400 }),
    odd('an entity', 'FolderSync', '03016a00 0007 56 52 023001 01 01', { status: 400 }),
  ],
);

// ------------------------------------------------------------------------------------------------ other clients

const by = (login: string, more: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  ...basic(login),
  ...more,
});
const clients = kind('requests of other clients', 'access logs and sources of clients and monitors', [
  [
    'Windows Phone 8.1: base64, locale 0x0407, no User-Agent (tine20#5242)',
    {
      method: 'POST',
      target: `${PATH}?jBEHBBAv56KNBMpdPHQi48KtldoWBAAAAAADV1A4`,
      headers: by('alice', { 'Content-Type': 'application/vnd.ms-sync' }),
      bodyBase64: Buffer.from('03016a00001245564857035750380001010101', 'hex').toString('base64'),
    },
    { status: 200, upstream: true, device: '2fe7a28d04ca5d3c7422e3c2ad95da16', command: 'Settings' },
  ],
  [
    'Windows Mail: cache headers and X-WLAS-Tracing',
    {
      method: 'POST',
      target: `${PATH}?jAkMBBBFO4PTgVN5IoizMDNebAlhBAAAAAALV2luZG93c01haWw=`,
      headers: by('alice', {
        'Content-Type': 'application/vnd.ms-sync',
        'Cache-Control': 'no-cache',
        Pragma: 'no-cache',
        'X-MS-WL': 'WindowsPhone/8.0',
        'X-WLAS-Tracing': 'true',
      }),
      bodyBase64: BODY,
    },
    { status: 200, upstream: true, deviceType: 'WindowsMail', command: 'FolderSync' },
  ],
  [
    'iOS: a domain before the address in the login, the address alone in User=',
    post(
      `${PATH}?User=vera@example.com&DeviceId=FBJV9GQU3D7890K74K10V5IC5K&DeviceType=iPhone&Cmd=FolderSync`,
      by('example.com\\vera@example.com', { 'User-Agent': 'Apple-iPhone13C4/2307.71' }),
    ),
    { status: 200, upstream: true, user: 'vera@example.com', device: 'fbjv9gqu3d7890k74k10v5ic5k' },
  ],
  [
    'iOS 11: OPTIONS with a policy key, half a media range and no body',
    bare(
      'OPTIONS',
      PATH,
      by('alice', { 'X-MS-PolicyKey': '0', Accept: '*/', Connection: 'close', 'Content-Length': '0' }),
    ),
    passed(PATH),
  ],
  [
    'AOSP: SaveInSent before User',
    {
      method: 'POST',
      target: `${PATH}?Cmd=SendMail&SaveInSent=T&User=alice&DeviceId=androidc1&DeviceType=Android`,
      headers: by('alice', { 'Content-Type': 'message/rfc822', 'MS-ASProtocolVersion': '12.0' }),
      bodyBase64: btoa('From: a\r\n\r\nx'),
    },
    { status: 200, upstream: true, command: 'SendMail' },
  ],
  [
    'Huawei: default.eas, and the domain encoded by a form encoder',
    post(
      `${PATH}/default.eas?Cmd=FolderSync&User=EXAMPLE%5Cjohn+smith&${DEVICE}`,
      basic('EXAMPLE\\john smith'),
    ),
    passed(`${PATH}?Cmd=FolderSync&User=EXAMPLE%5Cjohn%20smith&${DEVICE}`),
  ],
  [
    'a monitor that expects 100 Continue',
    post(`${PATH}?${QUERY}`, by('alice', { Expect: '100-continue', Connection: 'Keep-Alive' })),
    passed(`${PATH}?${QUERY}`),
  ],
  [
    'a name of a device beyond ASCII',
    post(
      `${PATH}?${QUERY}`,
      by('alice', { 'User-Agent': Buffer.from('\u5c0f\u7c73/12').toString('latin1') }),
    ),
    passed(`${PATH}?${QUERY}`),
  ],
  ...['MAIL.example.com:443', 'mail.example.com.', 'Mail.Example.com.:443'].map((host): Row => [
    `the public host as ${host} (RFC 3986 3.2.2: a dot at the end is the same name)`,
    { ...post(`${PATH}?${QUERY}`, ALICE), host },
    passed(`${PATH}?${QUERY}`),
    { publicHosts: ['mail.example.com'] },
  ]),
  ...['mail.example.com..', 'mail.example.com.evil.example', 'xmail.example.com', '.mail.example.com'].map(
    (host): Row => [
      `another host, ${host}`,
      { ...post(`${PATH}?${QUERY}`, ALICE), host },
      { status: [400, 421], upstream: false },
      { publicHosts: ['mail.example.com'] },
    ],
  ),
  [
    'TouchDown: a backslash in User= as it is',
    post(
      `${PATH}?Cmd=FolderSync&User=EXAMPLE\\alice&DeviceId=353456789012345&DeviceType=Touchdown`,
      by('EXAMPLE\\alice', { 'User-Agent': 'TouchDown(MSRPC)/7.3.00052', 'MS-ASProtocolVersion': '12.0' }),
    ),
    passed(`${PATH}?Cmd=FolderSync&User=EXAMPLE\\alice&DeviceId=353456789012345&DeviceType=Touchdown`),
  ],
  [
    'a type of device with a blank',
    post(`${PATH}?Cmd=FolderSync&User=alice&DeviceId=EMC01&DeviceType=eM%20Client`, ALICE),
    { status: 200, upstream: true, deviceType: 'eM Client' },
  ],
  [
    'iOS: a cookie of Domino beside Basic, and one that a load balancer sticks by',
    post(`${PATH}?${QUERY}`, by('alice', { Cookie: 'LtpaToken=AAECAzU; SERVERID=s2' })),
    { status: 200, upstream: true, upstreamHeadersLack: 'LtpaToken' },
  ],
  ...['иван', 'γιάννης', '山田', 'علي', 'łukasz', "o'brien", 'r&d', 'doe, john'].map((name): Row => [
    `a login that is ${name}`,
    post(from(encodeURIComponent(name)), basic(name)),
    passed(from(encodeURIComponent(name)), { user: name }),
  ]),
  ...['carol+example.com', 'carol%example.com'].map((login): Row => [
    `cPanel and vpopmail: the login ${login}`,
    post(from(encodeURIComponent(login)), basic(login)),
    passed(from(encodeURIComponent(login)), { user: 'carol@example.com' }),
  ]),
  [
    'a mail with a charset, which goes on without it',
    mail('message/rfc822; charset=utf-8', '12.1'),
    {
      status: 200,
      upstream: true,
      upstreamHeadersLack: 'charset',
    },
  ],
  [
    'no scheme before the credentials',
    post(`${PATH}?${QUERY}`, { Authorization: btoa('alice:pw') }),
    challenged,
  ],
]);

export const KINDS: readonly Kind[] = [
  options,
  targets,
  tags,
  strangers,
  discovery,
  names,
  letters,
  spaces,
  policyKeys,
  contentTypes,
  itemNames,
  versions,
  wbxml,
  unlisted,
  clients,
];
