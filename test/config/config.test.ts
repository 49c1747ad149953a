// Owns the promises of the configuration: defaults, all problems at once with their position, secrets, paths, documents.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { cacheOptions, gatewaySettings } from '../../src/config/gateway-settings.ts';
import { storeOptions } from '../../src/config/store-settings.ts';
import { configurationSchema, configurationTable } from '../../src/config/describe.ts';
import { loadConfig, parseConfig, readSecret } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { createAuthority } from '../support/servers/certificates.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function problems(text: string): readonly string[] {
  try {
    parseConfig(text, 'test.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseConfig', () => {
  it('fills an empty file with defaults', () => {
    const config = parseConfig('', '/etc/easgate.yaml');
    expect(config.listen).toEqual({ address: '0.0.0.0', port: 8780 });
    expect(config.store).toEqual({
      kind: 'embedded',
      path: '/etc/data/easgate.db',
      identityFile: '/etc/data/store.json',
      maxRollbackSeconds: 10,
    });
    expect(config.policy).toEqual({ releaseRate: 200 });
  });

  it('accepts every default when it is written out', () => {
    const config = parseConfig('', '/etc/easgate.yaml');
    expect(parseConfig(JSON.stringify(config), '/etc/easgate.yaml')).toEqual(config);
  });

  it('lists all problems at once, each with its line', () => {
    expect(problems('listen:\n  port: 99999\nlimits:\n  maxHeaders: many\nnonsense: 1\n')).toEqual([
      expect.stringMatching(/^listen\.port \(line 2, column 9\): /),
      expect.stringMatching(/^limits\.maxHeaders \(line 4, column 15\): /),
      expect.stringMatching(/^nonsense \(line 5, column 1\): /),
    ]);
  });

  it('says where YAML is broken', () => {
    expect(problems('listen: {port: 1\nlog: x')[0]).toMatch(/line 2/);
  });

  it('refuses a duplicate key', () => {
    expect(problems('publicHosts: [a]\npublicHosts: [b]\n')[0]).toMatch(/unique/);
  });

  it.each(['ftp://mail', 'http://user:pw@mail', 'http://mail/path', 'http://mail?x', 'mail:80', ''])(
    'refuses %j as the mail server',
    (url) => {
      expect(problems(`upstream: { url: ${JSON.stringify(url)} }`)).toHaveLength(1);
    },
  );

  const forwarding = (header: string): string =>
    `listen: { tls: { certificates: [{ certificate: a, key: b }], clientCertificate: { ca: c, forwardHeader: ${header} } } }`;

  it.each(['Host', 'AUTHORIZATION', 'Content-Length', 'X-Forwarded-For', 'X-MS-PolicyKey', 'X_User'])(
    'refuses %s as the header that carries the user of a certificate',
    (header) => {
      expect(problems(forwarding(header))).toEqual([
        expect.stringMatching(/^listen\.tls\.clientCertificate\.forwardHeader /),
      ]);
    },
  );

  it('accepts a custom name for that header', () => {
    expect(problems(forwarding('X-Client-User'))).toEqual([]);
  });

  it('refuses a certificate for the mail server that cannot be used', async () => {
    const authority = await createAuthority();
    const [one, other] = [await authority.issue({}), await authority.issue({})];
    writeFileSync(join(folder, 'one.pem'), one.certificate);
    writeFileSync(join(folder, 'one.key'), one.key);
    writeFileSync(join(folder, 'other.key'), other.key);
    const read = (tls: string): unknown => {
      const text = `upstream: { url: "https://mail", tls: ${tls} }`;
      return gatewaySettings(parseConfig(text, join(folder, 'tls.yaml')), null);
    };
    expect(() => read('{ certificate: one.pem }')).toThrow(/together only/);
    expect(() => read('{ certificate: one.pem, key: other.key }')).toThrow(/upstream\.tls/);
    expect(() => read('{ certificate: one.pem, key: one.key }')).not.toThrow();
  });

  it('refuses a file of client authorities in which no certificate can be read, instead of trusting nobody', async () => {
    const authority = await createAuthority();
    const own = await authority.issue({});
    writeFileSync(join(folder, 'own.pem'), own.certificate);
    writeFileSync(join(folder, 'own.key'), own.key);
    const read = (ca: string): unknown => {
      writeFileSync(join(folder, 'clients.pem'), ca);
      const text = `listen: { tls: { certificates: [{ certificate: own.pem, key: own.key }], clientCertificate: { ca: clients.pem } } }`;
      return gatewaySettings(parseConfig(text, join(folder, 'tls.yaml')), null);
    };
    expect(() => read('')).toThrow(/clientCertificate\.ca.*\n.*needs certificates/);
    expect(() => read('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toThrow(
      /cannot be read/,
    );
    expect(() => read(`# ours\n${authority.certificate}\n${own.certificate}`)).not.toThrow();
  });

  it('takes a mail server with a port or an IPv6 address', () => {
    const config = parseConfig('upstream: { url: "http://[::1]:8080", hostHeader: upstream }', 'x.yaml');
    const { upstream } = gatewaySettings(config, config.upstream.url);
    expect(upstream.servers).toMatchObject([{ host: '::1', port: 8080, hostHeader: '[::1]:8080' }]);
  });

  describe('for TLS towards phones', () => {
    beforeAll(async () => {
      const issued = await (await createAuthority()).issue({});
      writeFileSync(join(folder, 'tls.pem'), issued.certificate);
      writeFileSync(join(folder, 'tls.key'), issued.key);
    });
    const listener = (more: string) => {
      const text = `listen: { tls: { certificates: [{ certificate: tls.pem, key: tls.key }], ${more} } }`;
      return gatewaySettings(parseConfig(text, join(folder, 'x.yaml')), null, 'drawn').listen.tls;
    };

    it('takes a ticketSecret of 32 characters', () => {
      const secret = listener(`ticketSecret: ${'a'.repeat(32)}`)?.ticketSecret;
      expect(secret).toMatch(/^[0-9a-f]{64}$/);
      expect(secret).not.toBe(listener('')?.ticketSecret);
    });

    it.each(['x', 'a'.repeat(31)])('refuses a ticketSecret that could be guessed: %s', (secret) => {
      expect(() => listener(`ticketSecret: ${secret}`)).toThrow(/ticketSecret.*\n.*32 characters/);
    });

    it.each(['NONSENSE', 'TLS_NONSENSE', '"!ALL"', '"  "'])('refuses unknown ciphers: %s', (ciphers) => {
      expect(() => listener(`ciphers: ${ciphers}`)).toThrow(/^listen\.tls/);
    });

    it.each(['TLS_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'HIGH'])(
      'takes the ciphers %s',
      (ciphers) => {
        expect(listener(`ciphers: "${ciphers}"`)).toMatchObject({ ciphers });
      },
    );

    const authorities = (text: string) => {
      writeFileSync(join(folder, 'ca.pem'), text);
      return () => listener('clientCertificate: { ca: ca.pem }');
    };
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

    it('accepts certificate authorities with text between them', async () => {
      const [one, two] = [await createAuthority('one'), await createAuthority('two')];
      expect(authorities(`# ours\n${one.certificate}\n# theirs\n${two.certificate}\n`)).not.toThrow();
    });

    it.each([
      ['nothing', async () => ''],
      ['no PEM', async () => 'not a certificate\n'],
      ['a key', async () => (await (await createAuthority()).issue({})).key],
      [
        'a certificate and a key',
        async () => Object.values(await (await createAuthority()).issue({})).join('\n'),
      ],
      ['a certificate that is broken', async () => broken],
      ['a broken one behind a good one', async () => `${(await createAuthority()).certificate}\n${broken}`],
      ['one that is cut', async () => (await createAuthority()).certificate.slice(0, 200)],
    ])('refuses a file of authorities with %s', async (_name, text) => {
      expect(authorities(await text())).toThrow(/^listen\.tls\.clientCertificate\.ca/);
      const upstream = parseConfig(
        'upstream: { url: "https://mail", tls: { ca: ca.pem } }',
        join(folder, 'x.yaml'),
      );
      expect(() => gatewaySettings(upstream, null)).toThrow(/^upstream\.tls\.ca/);
    });

    it('refuses a guessable ticketSecret from a file or a variable too', () => {
      writeFileSync(join(folder, 'short'), 'short\n');
      expect(() => listener('ticketSecret: { file: short }')).toThrow(/32 characters/);
      onTestFinished(() => void vi.unstubAllEnvs());
      vi.stubEnv('EASGATE_TEST_SECRET', 'short');
      expect(() => listener('ticketSecret: { env: EASGATE_TEST_SECRET }')).toThrow(/32 characters/);
    });
  });

  const sources = (url: string, addresses: string) => {
    const config = parseConfig(`upstream: { url: "${url}", sourceAddresses: [${addresses}] }`, 'x.yaml');
    return gatewaySettings(config, null).upstream.servers[0]?.sourceAddresses;
  };

  it.each([
    ['http://192.0.2.1', '"2001:db8::1"'],
    ['http://[2001:db8::1]', '192.0.2.1'],
    ['http://192.0.2.1', '192.0.2.9, "2001:db8::9"'],
    ['http://[2001:db8::1]', '192.0.2.9, "2001:db8::9"'],
  ])('refuses to reach %s from %s', (url, addresses) => {
    expect(() => sources(url, addresses)).toThrow(/upstream\.sourceAddresses/);
  });

  it.each([
    ['http://192.0.2.1', '192.0.2.9', ['192.0.2.9']],
    ['http://[2001:db8::1]', '"2001:db8::9"', ['2001:db8::9']],
    ['http://mail', '192.0.2.9, "2001:db8::9"', ['192.0.2.9', '2001:db8::9']],
  ])('reaches %s from %s', (url, addresses, expected) => {
    expect(sources(url, addresses)).toEqual(expected);
  });

  it('reaches each of several servers from the addresses of its family', () => {
    const text =
      'upstream: { servers: [{ url: "http://192.0.2.1" }, { url: "http://[2001:db8::1]" }], sourceAddresses: [192.0.2.9, "2001:db8::9"] }';
    const { servers } = gatewaySettings(parseConfig(text, 'x.yaml'), null).upstream;
    expect(servers.map(({ sourceAddresses }) => sourceAddresses)).toEqual([['192.0.2.9'], ['2001:db8::9']]);
  });

  it('refuses YAML aliases that expand without bound', () => {
    const lines = ['a: &a [x]'];
    for (let level = 1; level < 12; level++) {
      const [name, below] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)];
      lines.push(`${name}: &${name} [${`*${below},`.repeat(9)}*${below}]`);
    }
    expect(problems(lines.join('\n'))).toHaveLength(1);
  });

  it('returns a configuration or throws a ConfigError for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        problems(text);
      }),
      { numRuns: 300 },
    );
  });

  it('never repeats a secret in a problem', () => {
    const text =
      'store: { kind: redis, url: { env: X, hunter2: hunter2 }, keyPrefix: 1 }\nsample: { users: [{ name: a, password: [hunter3] }] }';
    expect(problems(text).join('\n')).not.toMatch(/hunter3/);
    expect(problems(text)).toHaveLength(3);
  });
});

describe('loadConfig', () => {
  it('resolves paths against the folder of the file', () => {
    const file = join(folder, 'paths.yaml');
    writeFileSync(
      file,
      'store: { kind: redis, url: { file: secret } }\nlog: { destination: log/easgate.log }\n',
    );
    writeFileSync(join(folder, 'secret'), 'redis://cache:6379/1\n');
    const config = loadConfig(file);
    expect(config.log.destination).toBe(join(folder, 'log/easgate.log'));
    expect(storeOptions(config)).toMatchObject({ kind: 'redis', url: 'redis://cache:6379/1' });
  });

  it('names a file that cannot be read', () => {
    expect(() => loadConfig(join(folder, 'missing.yaml'))).toThrow(/missing\.yaml/);
  });
});

describe('readSecret', () => {
  it('reads an environment variable', () => {
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('EASGATE_TEST_SECRET', 'from-env');
    expect(readSecret({ env: 'EASGATE_TEST_SECRET' }, 'x')).toBe('from-env');
  });

  it('names the variable that is not set', () => {
    expect(() => readSecret({ env: 'EASGATE_TEST_MISSING' }, 'store.url')).toThrow(/EASGATE_TEST_MISSING/);
  });
});

describe('settings', () => {
  it('turns seconds into milliseconds', () => {
    const config = parseConfig('cache: { lifetimeSeconds: 1.5 }\noutage: { allowedSeconds: 2 }', 'x.yaml');
    expect(cacheOptions(config)).toMatchObject({ lifetimeMs: 1_500, staleAllowedMs: 2_000 });
    expect(gatewaySettings(config, 'http://mail').client).toMatchObject({ headTimeoutMs: 15_000 });
  });
});

describe('sample.phones', () => {
  const withPhones = (count: number): string =>
    JSON.stringify({
      upstream: { url: 'sample' },
      sample: {
        users: [{ name: 'ada', password: 'ada-pw' }],
        phones: Array.from({ length: count }, (_, at) => ({ user: 'ada', device: `PHONE${at}` })),
      },
    });

  it('are as many as a large company has, and not more than a process runs', () => {
    expect(problems(withPhones(10_000))).toEqual([]);
    expect(problems(withPhones(10_001)).join('\n')).toContain('sample.phones');
  });
});

describe('documents made from the schema', () => {
  const committed = (name: string) =>
    readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');

  it('docs/reference/configuration.md is up to date (easgate check --fields)', () => {
    expect(committed('configuration.md')).toBe(configurationTable());
  });

  it('docs/reference/easgate.schema.json is up to date (easgate check --schema)', () => {
    expect(committed('easgate.schema.json')).toBe(configurationSchema());
  });

  it('describes every field', () => {
    const rows = configurationTable()
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((row) => row.split('|')[2]?.trim() === '')).toEqual([]);
  });
});
