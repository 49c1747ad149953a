// Owns the promise that a phone needs only an address and a password: how it finds its server, and which version it speaks.
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { writeRedirect, writeSettings } from '../../src/eas/autodiscover/pox.ts';
import { deviceKey } from '../../src/identity/device.ts';
import type { PhoneFamily } from '../../src/sample/phone/families.ts';
import type { PhoneOptions } from '../../src/sample/phone/options.ts';
import { Phone } from '../../src/sample/phone/phone.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openOffice } from '../support/servers/office.ts';
import { startScriptedServer } from '../support/servers/scripted-server.ts';
import type { Asked, Scripted, ScriptedServer } from '../support/servers/scripted-server.ts';
import { deviceReport } from '../support/servers/directory-records.ts';

checkLeaks();

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.asked.length = 0;
  server.script = () => null;
});

const never = new AbortController().signal;
const EMAIL = 'alice@example.com';
const MAIL = 'https://mail.example.com/Microsoft-Server-ActiveSync';
const FACTS = { culture: 'en:us', displayName: 'Alice', email: EMAIL };

function newPhone(options: Partial<PhoneOptions> = {}): Phone {
  const phone = new Phone({
    email: EMAIL,
    password: 'pw',
    deviceId: 'LOOKINGPHONE',
    family: 'ios',
    resolve: () => server.url,
    ...options,
  });
  onTestFinished(() => phone.close());
  return phone;
}

const xml = (body: string): Scripted => ({ headers: { 'Content-Type': 'text/xml' }, body });
const redirect = (location: string): Scripted => ({ http: 302, headers: { Location: location } });
const NOT_FOUND: Scripted = { http: 404 };

/** Autodiscover requests are answered by `answer`. */
function autodiscover(answer: (asked: Asked) => Scripted): void {
  server.script = (asked) => (asked.path.startsWith('/autodiscover/') ? answer(asked) : null);
}

function searched(): string[] {
  return server.asked
    .filter(({ path }) => path.startsWith('/autodiscover/'))
    .map(({ method, host, path, headers }) => {
      const secret = headers.authorization === undefined ? '' : ' with password';
      return `${method} ${host}${path}${secret}`;
    });
}

const DOMAIN = 'POST example.com/autodiscover/autodiscover.xml with password';
const SUBDOMAIN = 'POST autodiscover.example.com/autodiscover/autodiscover.xml with password';
const PLAIN_GET = 'GET autodiscover.example.com/autodiscover/autodiscover.xml';
const JSON_SUBDOMAIN = 'GET autodiscover.example.com/autodiscover/autodiscover.json';
const JSON_DOMAIN = 'GET example.com/autodiscover/autodiscover.json';

describe('a phone with an address and a password', () => {
  it('asks its domain, then the Autodiscover domain, and uses the server in the answer', async () => {
    autodiscover(({ host }) =>
      host === 'autodiscover.example.com' ? xml(writeSettings(FACTS, MAIL)) : NOT_FOUND,
    );
    const phone = newPhone();
    await phone.settle(never);
    expect(searched()).toEqual([DOMAIN, SUBDOMAIN]);
    expect(phone.server).toBe(MAIL);
    expect(server.asked.at(-1)?.host).toBe('mail.example.com');
    expect(phone.screen.subjects).toEqual(['First', 'Second']);
  });

  it('asks without the password over http, and follows redirects only to https', async () => {
    autodiscover(({ method, host }) => {
      if (host === 'other.example.net') return xml(writeSettings(FACTS, MAIL));
      return method === 'GET' ? redirect('https://other.example.net/autodiscover/x.xml') : NOT_FOUND;
    });
    const phone = newPhone();
    await phone.settle(never);
    expect(searched()).toEqual([
      DOMAIN,
      SUBDOMAIN,
      PLAIN_GET,
      'POST other.example.net/autodiscover/x.xml with password',
    ]);
    expect(phone.screen.state).toBe('connected');
  });

  it.each(['http://other.example.net/autodiscover/x.xml', 'nonsense:', ''])(
    'does not follow to %s',
    async (location) => {
      autodiscover(() => redirect(location));
      const phone = newPhone();
      await phone.settle(never);
      expect(searched()).toEqual([DOMAIN, SUBDOMAIN, PLAIN_GET]);
      expect(phone.screen.state).toBe('failed');
    },
  );

  it('asks again for the address it is redirected to', async () => {
    autodiscover(({ host }) =>
      host === 'example.com'
        ? xml(writeRedirect(FACTS, 'alice@cloud.example.org'))
        : xml(writeSettings(FACTS, MAIL)),
    );
    const phone = newPhone();
    await phone.settle(never);
    expect(searched().at(-1)).toContain('cloud.example.org/');
    expect(server.asked[1]?.body.toString()).toContain('alice@cloud.example.org');
    expect(phone.screen.state).toBe('connected');
  });

  it.each([
    ['URLs', () => redirect('https://example.com/autodiscover/autodiscover.xml')],
    ['addresses', () => xml(writeRedirect(FACTS, EMAIL))],
  ])('does not follow %s in circles', async (_, answer) => {
    autodiscover(answer);
    const phone = newPhone();
    await phone.settle(never);
    expect(searched().length).toBeLessThan(20);
    expect(phone.screen.state).toBe('failed');
  });

  it.each(['ios', 'android'] as const)(
    'asks for the password on 401 (%s), and goes on with it',
    async (family) => {
      autodiscover(() => ({ http: 401, headers: { 'WWW-Authenticate': 'Basic realm="corp"' } }));
      const phone = newPhone({ family });
      await phone.settle(never);
      expect(phone.screen).toMatchObject({ state: 'passwordWanted', passwordPrompts: 1 });
      expect(searched()).toEqual([DOMAIN]);
      autodiscover(() => xml(writeSettings(FACTS, MAIL)));
      phone.tryAgain();
      await phone.settle(never);
      expect(phone.screen.state).toBe('connected');
    },
  );

  it.each([
    [456, 'locked'],
    [457, 'passwordExpired'],
  ])('shows its user the meaning of %s', async (http, state) => {
    autodiscover(() => ({ http }));
    const phone = newPhone();
    await phone.settle(never);
    expect(phone.screen.state).toBe(state);
  });

  it('refuses a server without https', async () => {
    autodiscover(() => xml(writeSettings(FACTS, 'http://mail.example.com/Microsoft-Server-ActiveSync')));
    const phone = newPhone();
    await phone.settle(never);
    expect(phone.server).toBeNull();
  });

  it('finds no server when the hosts do not exist', async () => {
    const phone = newPhone({ resolve: () => null });
    await phone.settle(never);
    expect(phone.screen.state).toBe('failed');
    expect(server.asked).toEqual([]);
  });

  it('looks for its server again after a 500, and waits when that fails', async () => {
    autodiscover(() => xml(writeSettings(FACTS, MAIL)));
    const phone = newPhone();
    await phone.settle(never);
    const moved = 'https://new.example.com/Microsoft-Server-ActiveSync';
    server.script = ({ path, host }) => {
      if (path.startsWith('/autodiscover/')) return xml(writeSettings(FACTS, moved));
      return host === 'mail.example.com' ? { http: 500 } : null;
    };
    await phone.step(never);
    await phone.settle(never);
    expect(phone.server).toBe(moved);
    expect(phone.screen.state).toBe('connected');
    server.script = ({ path }) =>
      path.startsWith('/autodiscover/') ? xml(writeSettings(FACTS, moved)) : { http: 500 };
    const before = server.asked.length;
    await phone.step(never);
    for (let count = 0; count < 5 && phone.retryAfter === 0; count++) await phone.step(never);
    expect(phone.retryAfter).toBeGreaterThan(0);
    expect(server.asked.length - before).toBe(3);
  });
});

describe('Outlook with an address and a password', () => {
  it('asks by JSON, without the password, and follows redirects', async () => {
    autodiscover(({ host, path }) => {
      if (path.endsWith('.xml')) return NOT_FOUND;
      if (host === 'autodiscover.example.com') return NOT_FOUND;
      return host === 'example.com'
        ? redirect('https://cloud.example.org/autodiscover/autodiscover.json?Email=x')
        : { body: JSON.stringify({ Protocol: 'ActiveSync', Url: MAIL }) };
    });
    const phone = newPhone({ family: 'outlook' });
    await phone.settle(never);
    expect(searched()).toEqual([
      JSON_SUBDOMAIN,
      JSON_DOMAIN,
      'GET cloud.example.org/autodiscover/autodiscover.json',
    ]);
    expect(server.asked[0]?.query).toBe('Email=alice%40example.com&Protocol=ActiveSync');
    expect(phone.screen.state).toBe('connected');
  });

  it.each(['not JSON', '"text"', '{"Url":"http://mail.example.com/"}'])(
    'accepts no server from %s',
    async (body) => {
      autodiscover(() => ({ body }));
      const phone = newPhone({ family: 'outlook' });
      await phone.settle(never);
      expect(phone.screen.state).toBe('failed');
    },
  );

  it('does not follow circular redirects', async () => {
    autodiscover(() => redirect(`https://example.com/autodiscover/autodiscover.json`));
    await newPhone({ family: 'outlook' }).settle(never);
    expect(searched().length).toBeLessThan(25);
  });
});

describe('a phone that is sent to another server by 451', () => {
  async function moved(family: PhoneFamily, location: string): Promise<Phone> {
    const phone = newPhone({ family, server: 'https://mail.example.com', user: 'alice' });
    server.script = ({ host }) =>
      host.startsWith('mail.') ? { http: 451, headers: { 'X-MS-Location': location } } : null;
    await phone.settle(never);
    return phone;
  }

  it('goes to its URL, if it is https (ios, outlook)', async () => {
    for (const family of ['ios', 'outlook'] as const) {
      const phone = await moved(family, 'https://b.example.com:444/EAS');
      expect(phone.server).toBe('https://b.example.com:444/EAS');
      expect(phone.screen.state).toBe('connected');
      const refused = await moved(family, 'http://b.example.com/EAS');
      expect(refused.screen.state).toBe('failed');
    }
  });

  it('uses only the host (android)', async () => {
    const phone = await moved('android', 'http://b.example.com:444/EAS');
    expect(phone.server).toBe('https://b.example.com/Microsoft-Server-ActiveSync');
    expect(phone.screen.state).toBe('connected');
  });

  it('does not follow 451 answers in a circle', async () => {
    const phone = await moved('ios', 'https://mail.example.com/Microsoft-Server-ActiveSync');
    expect(phone.screen.state).toBe('failed');
    expect(server.asked.length).toBe(4);
  });
});

describe('the version', () => {
  function offering(versions: string | null): void {
    server.script = ({ method }) =>
      method === 'OPTIONS'
        ? { headers: versions === null ? {} : { 'MS-ASProtocolVersions': versions } }
        : null;
  }
  const ACCOUNT = { server: 'https://mail.example.com', user: 'alice' };

  it.each([
    ['2.5,12.0,12.1,14.0,14.1', undefined, '14.1'],
    ['14.1, 16.1, 16.0', undefined, '16.1'],
    ['2.5,12.0,12.1,14.0,14.1,16.0,16.1', ['2.5', '12.1'], '12.1'],
    // AOSP: no header means 2.5.
    [null, undefined, '2.5'],
  ])('of %s and %s is %s', async (offered, versions, expected) => {
    offering(offered);
    const phone = newPhone({ ...ACCOUNT, ...(versions === undefined ? {} : { versions }) });
    await phone.settle(never);
    expect(phone.version).toBe(expected);
    expect(server.asked.at(-1)?.headers['ms-asprotocolversion']).toBe(expected);
  });

  it('is missing when phone and server share none', async () => {
    offering('16.1');
    const phone = newPhone({ ...ACCOUNT, versions: ['14.1'] });
    await phone.settle(never);
    expect(phone.screen.state).toBe('failed');
    expect(server.asked.map(({ command }) => command)).toEqual(['OPTIONS']);
  });

  it('can be configured', async () => {
    offering('16.1');
    const phone = newPhone({ ...ACCOUNT, version: '14.0' });
    await phone.settle(never);
    expect(phone.version).toBe('14.0');
  });
});

describe('an address and a password alone, with a gateway that answers Autodiscover,', () => {
  const GATEWAY = { autodiscover: { mode: 'answer' }, publicUrl: MAIL };

  it.each([
    ['ios', true],
    ['android', true],
    ['outlook', true],
    ['ios', false],
    ['android', false],
    ['outlook', false],
  ] as const)('lead %s to its mail or to the quarantine message (allowed: %s)', async (family, allowed) => {
    const office = await openOffice('embedded', GATEWAY);
    try {
      const facts = { managed: allowed, compliant: allowed };
      await office.operator.putDevices([deviceReport(deviceKey('ONLYADDRESS'), facts)]);
      const phone = office.phone({
        deviceId: 'ONLYADDRESS',
        family,
        email: EMAIL,
        // The domain belongs to a web server; only the DNS names for phones exist.
        resolve: ({ host }) => (host === 'example.com' ? null : office.url),
      });
      await phone.settle(never);
      expect(phone).toMatchObject({ server: MAIL, version: '16.1' });
      expect(phone.screen).toMatchObject({ state: 'connected', passwordPrompts: 0 });
      expect(phone.screen.subjects).toEqual(
        allowed ? ['Welcome', 'Floor plan', 'Lunch'] : ['Enrol this device to get your mail'],
      );
    } finally {
      await office.close();
    }
  });

  it.each(['ios', 'outlook'] as const)(
    'lead %s to a password prompt when the password is wrong',
    async (family) => {
      const office = await openOffice('embedded', GATEWAY);
      try {
        const phone = office.phone({
          deviceId: 'ONLYADDRESS',
          family,
          email: EMAIL,
          password: 'wrong',
          resolve: ({ host }) => (host === 'example.com' ? null : office.url),
        });
        await phone.settle(never);
        expect(phone.screen).toMatchObject({ state: 'passwordWanted', passwordPrompts: 1 });
      } finally {
        await office.close();
      }
    },
  );
});
