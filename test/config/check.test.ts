// Owns the promises of the configuration check: all problems at once, each with its position, in an operator's words.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/config/check.ts';
import { schemaAt } from '../../src/config/json-schema.ts';
import type { JsonSchema } from '../../src/config/json-schema.ts';
import { oneLine, report } from '../../src/config/problems.ts';
import { createAuthority } from '../support/servers/certificates.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-check-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const found = (text: string, now?: number) =>
  checkConfig({ text, path: join(folder, 'easgate.yaml') }, now).problems;
/** `severity line:column place: text`, in the order of the file. */
const lines = (text: string, now?: number): string[] =>
  found(text, now).map(
    ({ severity, line, column, place, text }) => `${severity} ${line}:${column} ${place}: ${text}`,
  );
const shown = (text: string): string =>
  found(text)
    .map((problem) => report('x.yaml', problem))
    .join('\n');

const REAL = 'upstream: { url: "http://mail:80" }';

const PEM = 'listen: { tls: { certificates: [{ certificate: a.pem, key: ';

describe('checkConfig', () => {
  it.each<[string, string, string[]]>([
    [
      'an unknown name',
      'listen:\n  addres: ::1\n',
      ['error 2:3 listen.addres: there is no such setting; did you mean address?'],
    ],
    [
      'a name of another place',
      'port: 80\n',
      ['error 1:1 port: there is no such setting here; did you mean listen.port?'],
    ],
    [
      'a name like no other',
      'log:\n  zzz: 1\n',
      [expect.stringMatching(/^error 2:3 log\.zzz: there is no such setting; here may stand level, /)],
    ],
    [
      'a value nearly right',
      'policy:\n  unknownDevice: alow\n',
      [
        'error 2:18 policy.unknownDevice: must be allow, block or quarantine, not "alow"; did you mean allow?',
      ],
    ],
    [
      'seconds with a unit',
      'limits:\n  headTimeoutSeconds: 2s\n',
      [
        'error 2:23 limits.headTimeoutSeconds: must be a number of seconds above 0, at most 86400, not "2s"; write 2, without a unit',
      ],
    ],
    [
      'minutes where seconds stand',
      'limits: { headTimeoutSeconds: 5m }',
      [expect.stringMatching(/ write 300, without a unit$/)],
    ],
    [
      'bytes with a unit',
      'limits: { maxHeadBytes: 32KB }',
      [expect.stringMatching(/ write 32768, without a unit$/)],
    ],
    [
      'a number in quotes',
      'workers: { count: "4" }',
      [
        'error 1:19 workers.count: must be "auto" or a whole number from 1 to 256, not "4"; write 4 without quotes',
      ],
    ],
    [
      'a number out of range',
      'listen: { port: 99999 }',
      ['error 1:17 listen.port: must be a whole number from 0 to 65535, not 99999'],
    ],
    [
      'a text where true or false stands',
      'log: { access: yes please }',
      ['error 1:16 log.access: must be true or false, not "yes please"'],
    ],
    [
      'a text where settings stand',
      'upstream: http://mail',
      [
        expect.stringMatching(
          /^error 1:11 upstream: must be settings below it, such as url, .*, not "http:\/\/mail"$/,
        ),
      ],
    ],
    ['a section without anything', 'log:\n', ['error 1:1 log: is empty: leave it out, or write a value']],
    [
      'no address',
      'identity: { trustedProxies: [10.0.0.1, here] }',
      [
        'error 1:40 identity.trustedProxies.1: must be an IP address or a range of addresses such as 10.0.0.0/8, not "here"',
      ],
    ],
    [
      'an id that is none',
      'feeds: [{ name: a, kind: graph, tenant: example.com, clientId: easgate, clientSecret: x }]',
      [
        'error 1:64 feeds.0.clientId: must be an id such as 11111111-2222-3333-4444-555555555555, not "easgate"',
      ],
    ],
    [
      'an unknown kind',
      'store: { kind: rediss }',
      ['error 1:16 store.kind: must be embedded or redis, not "rediss"; did you mean redis?'],
    ],
    [
      'something that is missing',
      'health:\n  listen: 127.0.0.1:1\nupstream:\n  servers: [ { weight: 2 } ]\n',
      [expect.stringMatching(/^error 4:\d+ upstream\.servers\.0\.url: is missing/)],
    ],
    [
      'a Redis directory without a server',
      'store:\n  kind: redis\n',
      [
        'error 2:3 store: needs one of url, sentinels with the name of the primary, and cluster with some of its nodes',
      ],
    ],
    [
      'a name that occurs twice',
      `${REAL}\nlog: { access: true }\nlog: { access: false }\n`,
      ['error 3:1 : log occurs twice here: names must be unique'],
    ],
    [
      'a URL of Redis that is none',
      `${REAL}\nstore: { kind: redis, url: "http://cache" }`,
      ['error 2:28 store.url: must begin with redis:// or, for TLS, rediss://, not with http://'],
    ],
    [
      'url beside servers',
      'upstream:\n  url: http://a\n  servers:\n    - { url: "http://b" }\n',
      [expect.stringMatching(/^error 2:8 upstream\.url: conflicts with upstream\.servers/)],
    ],
    [
      'a URL twice',
      'upstream:\n  servers:\n    - { url: "http://b", name: x }\n    - { url: "http://b:80/", name: y }\n',
      [
        expect.stringMatching(
          /^error 4:14 upstream\.servers\.1\.url: is the URL of upstream\.servers\.0 too/,
        ),
      ],
    ],
    [
      'a name twice',
      'upstream:\n  servers:\n    - { url: "http://b", name: x }\n    - { url: "http://c", name: x }\n',
      [
        expect.stringMatching(
          /^error 4:32 upstream\.servers\.1\.name: is the name of upstream\.servers\.0 too/,
        ),
      ],
    ],
    [
      'a host twice',
      `${REAL}\npublicHosts: [a, b, A]`,
      [expect.stringMatching(/^error 2:21 publicHosts\.2: /)],
    ],
    [
      'tls for servers without https',
      REAL.replace(' }', ', tls: { minVersion: TLSv1.3 } }'),
      [expect.stringMatching(/^warning 1:\d+ upstream\.tls: has no effect/)],
    ],
    [
      'the sample server for everybody',
      'listen: { address: 0.0.0.0 }\nupstream: { url: sample }\nsample: { users: [{ name: a, password: b }] }',
      [expect.stringMatching(/^warning 2:18 upstream\.url: .*sample mail server/)],
    ],
    ['an empty file', '', [expect.stringMatching(/^error null:null : is empty/)]],
    ['nothing but comments', '# nothing\n\n', [expect.stringMatching(/: is empty/)]],
    [
      'a line that is too deep',
      'listen:\n  port: 1\n   address: x\n  tls: { }\n',
      ['error 3:4 : indented deeper than the line above, which has a value already'],
    ],
    ['a tab', 'listen:\n\tport: 1\n', ['error 2:1 : indented by a tab: use spaces']],
    ['a bracket that stays open', 'log: { level: info\n', [expect.stringMatching(/^error 1:\d+ : /)]],
    [
      'a second document',
      `${REAL}\n---\nlog: {}\n`,
      [expect.stringMatching(/^error 2:1 : a second document/)],
    ],
  ])('finds %s', (_what, text, expected) => {
    expect(lines(text)).toEqual(expected);
  });

  it('finds no fault in a good file', () => {
    expect(found(REAL)).toEqual([]);
  });

  it('reports all problems at once: schema, rules between fields, files, secrets', () => {
    const text = `
listen:
  port: -1
  tls:
    certificates:
      - { certificate: gone.pem, key: gone.key }
upstream:
  servers:
    - { url: nonsense }
    - { url: "http://b", name: x }
    - { url: "http://c", name: x }
store: { kind: redis, url: { env: EASGATE_TEST_NOT_SET } }
quarantine: { keySecret: short }
messages: { templatesDir: gone }
`;
    expect(found(text).map(({ line, place }) => `${line} ${place}`)).toEqual([
      '3 listen.port',
      '6 listen.tls.certificates.0.certificate',
      '6 listen.tls.certificates.0.key',
      '9 upstream.servers.0.url',
      '11 upstream.servers.2.name',
      '12 store.url',
      '13 quarantine.keySecret',
      '14 messages.templatesDir',
    ]);
  });

  it('finds secrets and files of feeds that cannot be read', () => {
    const feed = `feeds:
  - name: directory
    kind: ldap
    urls: [ldaps://dc1.example.com]
    ca: missing.pem
    bindDn: cn=easgate
    password: { file: missing }
    baseDn: dc=example,dc=com
`;
    const problems = lines(`${REAL}\n${feed}`).filter((line) => line.includes('feeds.0'));
    expect(problems).toEqual([
      expect.stringMatching(/^error .*missing\.pem.*/),
      expect.stringMatching(/^error .*feeds\.0\.password.*missing.*/),
    ]);
  });

  it('warns of a feed whose file does not exist', () => {
    const feed = (path: string): string => `${REAL}\nfeeds:\n  - { name: mdm, kind: files, path: ${path} }\n`;
    expect(lines(feed('missing.csv')).filter((line) => line.includes('feeds'))).toEqual([
      expect.stringMatching(/^warning 3:\S+ feeds\.0\.path: .*missing\.csv does not exist yet/),
    ]);
    writeFileSync(join(folder, 'there.csv'), '');
    expect(lines(feed('there.csv')).filter((line) => line.includes('feeds'))).toEqual([]);
  });

  it('finds secrets and mappings of an API that cannot be read', () => {
    const feed = `feeds:
  - name: mdm
    kind: http
    url: https://mdm.example.com/devices
    auth: { type: bearer, token: { file: missing-token } }
    headers: { X-Tenant: { file: missing-tenant } }
    mapping: { file: missing.yaml }
`;
    const problems = lines(`${REAL}\n${feed}`).filter((line) => line.includes('feeds.0'));
    expect(problems).toEqual([
      expect.stringContaining('missing-token'),
      expect.stringContaining('missing-tenant'),
      expect.stringContaining('missing.yaml'),
    ]);
  });

  it('shows the line with a mark below the fault', () => {
    expect(shown('listen:\n  port: 99999 # high\n')).toBe(
      'x.yaml:2:9: error: listen.port: must be a whole number from 0 to 65535, not 99999\n' +
        '    2 |   port: 99999 …\n' +
        '      |         ^^^^^',
    );
  });

  it('shows only a part of a very long line', () => {
    const excerpt = found(`publicHosts: [${'a, '.repeat(200)}3]`).at(-1)?.excerpt ?? '';
    const [line = '', mark = ''] = excerpt.split('\n');
    expect(line.length).toBeLessThan(120);
    expect(line[mark.indexOf('^')]).toBe('3');
  });

  it.each([
    'sample: { users: [{ name: a, password: hunter2, x: 1 }] }',
    'sample: { users: [{ name: a, pasword: hunter2 }] }',
    'sample: { users: [{ name: a, password: [hunter2] }] }',
    'sample: { users: [{ name: a, password: hunter2 ] }',
    'sample:\n  users:\n    - name: a\n      password: hunter2\n       more: 1\n',
    'sample:\n  users:\n    - name: a\n      password: "hunter2\n      more: 1\n',
    'store: { kind: redis, url: "http://u:hunter2@cache" }',
    'store: { kind: redis, url: hunter2 }',
    'store: { kind: redis, url: { env: EASGATE_TEST_NOT_SET, hunter: hunter2 } }',
    'upstream: { url: "http://u:hunter2@mail" }',
    'upstream: { servers: [{ url: "https://u:hunter2@mail/x" }] }',
    'listen: { tls: { ticketSecret: hunter2, x: 1 } }',
    'quarantine: { keySecret: hunter2 }',
    'quarantine: { keySecret: hunter2, keySecret: 1 }',
    'nonsense: { deep: [hunter2] }',
    'listen: { port: x } # hunter2',
    'hunter: hunter2\n  x: 1\n',
    'upstream: { url: "https://u:a/hunter2@mail" }',
    `${PEM}"-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----" }] } }`,
    `${PEM}"-----BEGIN PRIVATE KEY-----\\n${'hunter2'.repeat(40)}" }] } }`,
    `${PEM}-----BEGIN PRIVATE KEY-----\n${'hunter2'.repeat(9)}\n-----END PRIVATE KEY----- }] } }`,
    `listen:\n  tls:\n    certificates:\n      - certificate: a\n        key: |\n          -----BEGIN PRIVATE KEY-----\n${'hunter2'.repeat(9)}\n`,
    'upstream: { url: "https://mail", tls: { ca: "-----BEGIN hunter2", key: "-----BEGIN hunter2" } }',
  ])('repeats no secret: %j', (text) => {
    expect(found(text).length).toBeGreaterThan(0);
    expect(shown(text)).not.toContain('hunter2');
    expect(found(text).map(oneLine).join('\n')).not.toContain('hunter2');
  });

  it('says for every field what it must be, without validator jargon', () => {
    for (const path of fields()) {
      for (const value of ['~', '@?', -7, [[]], { odd: 1 }, true]) {
        const text = JSON.stringify(wrap(path, value));
        for (const problem of found(text)) {
          expect(problem.text).not.toMatch(
            /Invalid|expected|received|pattern|regex|Unrecognized|Too (small|big)|\/\^|undefined|NaN|\bint\b|\bobject\b|\barray\b/,
          );
          expect(problem.text.length).toBeLessThan(400);
        }
      }
    }
  });
});

describe('the metrics', () => {
  it.each([
    ["metrics: { listen: '127.0.0.1:1' }", 'metrics.listen', 'needs metrics.token, or `metrics.open: true`'],
    [
      "metrics: { listen: '127.0.0.1:1', open: true, token: a-token-of-24-characters }",
      'metrics.open',
      'conflicts',
    ],
    ["metrics: { listen: '127.0.0.1:1', token: short }", 'metrics.token', 'at least 16 characters'],
    ["metrics: { listen: '127.0.0.1:1', token: 'a token with spaces' }", 'metrics.token', 'without spaces'],
    [
      "metrics: { listen: '127.0.0.1:1', token: { env: EASGATE_TEST_NOT_SET } }",
      'metrics.token',
      'is not set',
    ],
    [
      "listen: { port: 8443 }\nmetrics: { listen: '127.0.0.1:8443', open: true }",
      'metrics.listen',
      'port of listen',
    ],
    [
      "health: { listen: '127.0.0.1:1' }\nmetrics: { listen: '127.0.0.1:1', open: true }",
      'metrics.listen',
      'port of health.listen',
    ],
    ['metrics: { open: true }', 'metrics', 'has no effect without metrics.listen'],
  ])('%s', (text, place, problem) => {
    expect(found(`${REAL}\n${text}`)).toMatchObject([{ place, text: expect.stringContaining(problem) }]);
  });

  it('may be served with a token, or openly', () => {
    for (const how of ['open: true', 'token: a-token-of-24-characters'])
      expect(found(`${REAL}\nmetrics: { listen: '127.0.0.1:1', ${how} }`)).toEqual([]);
  });
});

describe('the lines of requests', () => {
  it.each([
    ['log: { accessFormat: w3c }', 'log.accessFormat', 'needs log.accessDestination'],
    ['log: { destination: a.log, accessDestination: a.log }', 'log.accessDestination', 'is log.destination'],
    ['log: { access: false, accessDestination: a.log }', 'log.accessDestination', 'has no effect'],
  ])('%s', (text, place, problem) => {
    expect(found(`${REAL}\n${text}`)).toMatchObject([{ place, text: expect.stringContaining(problem) }]);
  });
});

describe('certificates', () => {
  const DAY_MS = 86_400_000;
  const text = (more = '') => `
listen:
  tls:
    certificates:
      - { certificate: own.pem, key: own.key }
${REAL}
${more}`;
  const issue = async (host: string, expired = false): Promise<void> => {
    const issued = await (await createAuthority()).issue({ names: [{ type: 'dns', value: host }], expired });
    writeFileSync(join(folder, 'own.pem'), issued.certificate);
    writeFileSync(join(folder, 'own.key'), issued.key);
  };

  it('that have expired are errors but do not prevent a start', async () => {
    await issue('mail.example.com', true);
    expect(lines(text())).toEqual([
      expect.stringMatching(
        /^error 5:24 listen\.tls\.certificates\.0\.certificate: .*mail\.example\.com.* ended on \d{4}-\d\d-\d\d, 1 day ago/,
      ),
    ]);
    expect(found(text())).toMatchObject([{ aboutCertificate: true }]);
  });

  it('that expire within 30 days are warnings', async () => {
    await issue('mail.example.com');
    expect(lines(text())).toEqual([expect.stringMatching(/^warning 5:24 .* ends on .* in (9|10) days/)]);
  });

  it('that are not valid yet are errors', async () => {
    await issue('mail.example.com');
    expect(lines(text(), Date.now() - 20 * DAY_MS)).toEqual([
      expect.stringMatching(/^error 5:24 .* is valid from .*clock/),
    ]);
  });

  it.each([
    ['publicUrl: https://eas.example.com/Microsoft-Server-ActiveSync', 'publicUrl', 'eas.example.com'],
    ['publicHosts: [mail.example.com, eas.example.com]', 'publicHosts.1', 'eas.example.com'],
  ])('that are for other names than %s are warnings', async (more, place, host) => {
    await issue('mail.example.com');
    const problem = found(text(more)).find((one) => one.place === place);
    expect(problem).toMatchObject({ severity: 'warning', line: 7 });
    expect(problem?.text).toContain(`is for ${host} (they are for mail.example.com)`);
  });

  it('with a wildcard cover the names below it', async () => {
    await issue('*.example.com');
    const more = 'publicUrl: https://mail.example.com/Microsoft-Server-ActiveSync';
    expect(found(text(more)).map(({ place }) => place)).toEqual(['listen.tls.certificates.0.certificate']);
  });
});

/** The path of every field of the schema; for lists, of the first entry. */
function fields(): (string | number)[][] {
  // Kinds of one thing, such as feeds, have many fields in common: each is listed once.
  const all = new Map<string, (string | number)[]>();
  const walk = (schema: JsonSchema, path: (string | number)[]): void => {
    if (path.length > 0) all.set(path.join('.'), path);
    for (const [name, field] of Object.entries(schema.properties ?? {})) walk(field, [...path, name]);
    if (schema.items !== undefined) walk(schema.items, [...path, 0]);
    for (const one of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) walk(one, path);
  };
  walk(schemaAt([]) ?? {}, []);
  return [...all.values()];
}

function wrap(path: readonly (string | number)[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, step) => (step === 0 ? [inner] : { [step]: inner }), value);
}
