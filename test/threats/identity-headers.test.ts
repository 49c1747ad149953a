// Owns the promise that no header or cookie of a phone gives the mail server a user, an origin, a URL or a back end, in
// either lane (CVE-2021-26855: X-BEResource and X-AnonResource-Backend chose the back end of Exchange).
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { answerOk, backendOf, gatewayOf, laneOf, phoneOf } from '../support/servers/openings.ts';

checkLeaks();

const CLAIMS = [
  'X-BEResource',
  'X-AnonResource',
  'X-AnonResource-Backend',
  'X-CommonAccessToken',
  'X-IsFromCafe',
  'X-IsFromBackend',
  'X-SourceCafeServer',
  'X-FE-ProxyInfo',
  'X-CalculatedBETarget',
  'X-TargetBEServer',
  'X-MSExchangeProxyUri',
  'msExchProxyUri',
  'X-MS-Exchange-CrossPremises',
  'X-Forefront-Antispam',
  'X-WLID-MemberName',
  'X-EAS-Proxy',
  'X-Auth-Request-User',
  'X-Auth-Request-Email',
  'X-Auth-Request-Access-Token',
  'X-Auth-User',
  'X-Proxy-User',
  'Proxy-User',
  'X-WEBAUTH-USER',
  'X-WEBAUTH-GROUPS',
  'X-Forwarded-User',
  'X-Forwarded-Groups',
  'X-Forwarded-Email',
  'X-Forwarded-Preferred-Username',
  'X-Remote-User',
  'X-Remote-Group',
  'Remote-User',
  'REMOTE-USER',
  'Remote-Groups',
  'REMOTE-ADDR',
  'X-Authenticated-User',
  'X-Authentik-Username',
  'X-User',
  'X-Userinfo',
  'X-WebObjects-Remote-User',
  'X-MS-Client-Principal-Name',
  'MS-ASPNETCORE-CLIENTCERT',
  'Cf-Access-Authenticated-User-Email',
  'X-Goog-Authenticated-User-Email',
  'X-Amzn-Oidc-Identity',
  'SM-User',
  'iv-user',
  'OIDC-Claim-Email',
  'Shib-Identity-Provider',
  'X-SSL-Client-S-DN',
  'SSL-Client-Verify',
  'SSL-CLIENT-S-DN-CN',
  'X-Client-Cert',
  'X-ClientCert',
  'X-Client-DN',
  'Client-Cert',
  'X-ARR-ClientCert',
  'X-Original-URL',
  'X-Original-URI',
  'X-OriginalUrl',
  'X-OriginalRequestHost',
  'X-RewriteUrl',
  'X-Rewrite-URL',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Real-IP',
  'X-Originating-IP',
  'Client-IP',
  'True-Client-IP',
  'X-Client-IP',
  'Front-End-Https',
  'X-MS-Forwarded-Client-IP',
  'X-Accel-Mapping',
  'Tailscale-User-Login',
  'Tailscale-User-Name',
  'Teleport-Jwt-Assertion',
  'Ngrok-Auth-User-Email',
  'X-Token-User-Email',
  'X-Token-Subject',
  'Impersonate-User',
  'X-Impersonate-User',
  'Authenticated-User',
  'Auth-User',
  'AuthUser',
  'X-AuthUser',
  'X-SPNEGO-User',
  'X-Kerberos-User',
  'X-Krb5-Principal',
  'X-GSSAPI-Name',
  'X-LDAP-User',
  'X-Verified-User',
  'X-Email',
  'X-Groups',
  'WL-Proxy-Client-Cert',
  'WL-Proxy-Client-IP',
  'X-Azure-ClientIP',
  'X-Azure-SocketIP',
  'X-Appengine-User-Email',
  'Fly-Client-IP',
  'DO-Connecting-IP',
  'Incap-Client-IP',
  'X-Sucuri-ClientIP',
  'Cert-Subject',
  'X-Cert-Subject',
  'X-Certificate',
  'X-Subject-DN',
  'X-SSO-User',
  'X-Remoteuser',
  'RemoteUser',
  'Logon-User',
  'Auth-Type',
  'X-UPN',
  'X-Login',
  'X-Principal',
];

/** What mail apps and browsers send. */
const HONEST = [
  'X-MS-PolicyKey: 17',
  'MS-ASAcceptMultiPart: T',
  'Accept: */*',
  'Accept-Encoding: gzip, deflate',
  'Accept-Language: de-DE',
  'User-Agent: Apple-iPhone13C4/2307.71',
  'Origin: null',
  'Priority: u=0',
  'Sec-Fetch-Dest: empty',
  'X-Requested-With: XMLHttpRequest',
  'X-OWA-CANARY: abc',
  'X-User-Identity: alice@example.com',
  'X-AnchorMailbox: alice@example.com',
  'X-MS-WL: Outlook',
  'client-request-id: 7',
  'X-MS-Client-Request-Id: 8',
  'return-client-request-id: true',
  'DNT: 1',
];

const spellings = (name: string): string[] => [name, name.toLowerCase(), name.toUpperCase()];

async function namesBehindGate(lines: string[]): Promise<string[]> {
  const backend = await backendOf(answerOk);
  const gateway = await gatewayOf(backend, { client: { maxHeaders: 500, maxHeadBytes: 60_000 } });
  const phone = await phoneOf(gateway);
  phone.send(request('FolderSync', FOLDER_SYNC, lines));
  expect((await phone.response()).status).toBe(200);
  return (backend.requests[0]?.headers ?? []).map(([name, value]) => `${name}: ${value}`);
}

async function namesBehindLane(lines: string[]): Promise<string[]> {
  const backend = await backendOf(answerOk);
  const lane = await laneOf(backend, {
    headLimits: { maxHeadBytes: 60_000, maxHeaders: 190, maxTargetBytes: 2_048 },
  });
  const client = await phoneOf(lane);
  client.send(`GET /owa/ HTTP/1.1\r\nHost: m\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
  expect((await client.response()).status).toBe(200);
  return (backend.requests[0]?.headers ?? []).map(([name, value]) => `${name}: ${value}`);
}

describe.each([
  ['Exchange ActiveSync', namesBehindGate],
  ['other paths', namesBehindLane],
] as const)('on the lane for %s, a header', (_lane, behind) => {
  it.each([0, 1, 2])(
    'that claims an identity or a back end stays at the gateway (spelling %i)',
    async (which) => {
      const claims = CLAIMS.map((name) => spellings(name)[which] ?? name);
      const reached = await behind(claims.map((name) => `${name}: evil`));
      expect(reached.filter((line) => line.endsWith(': evil'))).toEqual([]);
    },
  );

  it('that mail apps send goes on', async () => {
    const reached = (await behind(HONEST)).map((line) => line.toLowerCase());
    for (const line of HONEST) expect(reached).toContain(line.toLowerCase());
  });
});

describe('a cookie that names a back end', () => {
  it.each([
    ['alone', ['X-AnonResource-Backend=other.example/x?~3'], null],
    ['among others', ['a=1; X-BEResource=evil~1; b=2'], 'a=1; b=2'],
    ['in another case', ['a=1; x-beRESOURCE=evil'], 'a=1'],
    ['without spaces', ['a=1;X-AnonResource=true;X-AnonResource-Backend=evil;b=2'], 'a=1; b=2'],
    ['with tabs and spaces', ['a=1; \t X-BEResource =evil'], 'a=1'],
    ['behind a comma', ['a=1, X-BEResource=evil; b=2'], 'b=2'],
    ['inside quotes', ['a="1; X-BEResource=evil"; b=2'], 'a="1; b=2'],
    ['with an attribute', ['$Version=1; X-BEResource=evil; $Path=/; b=2'], '$Version=1; $Path=/; b=2'],
    ['on a second line', ['a=1', 'X-BEResource=evil'], 'a=1'],
    ['that is a token', ['X-CommonAccessToken=evil; b=2'], 'b=2'],
  ] as const)('stays at the gateway: %s', async (_what, cookies, kept) => {
    const reached = await namesBehindGate(cookies.map((cookie) => `Cookie: ${cookie}`));
    expect(reached.filter((line) => /^cookie:/i.test(line))).toEqual(
      kept === null ? [] : [`Cookie: ${kept}`],
    );
    const other = await namesBehindLane(cookies.map((cookie) => `Cookie: ${cookie}`));
    expect(other.filter((line) => /^cookie:/i.test(line)).map((line) => line.slice(8))).toEqual(
      kept === null ? [] : [kept],
    );
  });

  it('takes no other cookie along: those of the server go on as they came', async () => {
    const cookies = 'X-BackEndCookie=S-1-5-21=u56Lnp2ejJqBzs; ClientId=ABC;  UC="x;y"';
    const reached = await namesBehindGate([`Cookie: ${cookies}`]);
    expect(reached).toContain(`Cookie: ${cookies}`);
  });
});

// Threat: the user of a request is another one for the mail server than for the gateway, by a cookie of a web page. Domino with session
// authentication takes the user of LtpaToken, and not the one of Authorization.
describe('a cookie that signs a user in', () => {
  it.each([
    ['LtpaToken=AAECAzU', null],
    ['a=1; LtpaToken2=x==; b=2', 'a=1; b=2'],
    ['DomAuthSessId=0123456789ABCDEF', null],
    ['ZM_AUTH_TOKEN=0_abc; a=1', 'a=1'],
    ['a=1; MSISAuth=x; MSISAuthenticated=y; EdgeAccessCookie=z', 'a=1'],
    ['FedAuth=x; FedAuth1=y', null],
    ['a="1; SMSESSION=x"; b=2', 'a="1; b=2'],
    ['ltpatoken=x', null],
    ['_shibsession_64656661=_x; _oauth2_proxy_0=y; mod_auth_openidc_session=z; a=1', 'a=1'],
    ['$Version=1; "LtpaToken"=x; a=1', '$Version=1; a=1'],
    ['a=1, ltpatoken2=x; b=2', 'b=2'],
    ['%20LtpaToken=x; a=1', 'a=1'],
    ['__Host-authelia_session=x; a=1', 'a=1'],
    ['a=1; 0xHIGHFLYxSOGo=x', 'a=1'],
  ])('stays at the gateway, for Exchange ActiveSync: %s', async (cookies, kept) => {
    const reached = await namesBehindGate([`Cookie: ${cookies}`]);
    expect(reached.filter((line) => /^cookie:/i.test(line))).toEqual(
      kept === null ? [] : [`Cookie: ${kept}`],
    );
  });

  it('stays at the gateway in each request of a connection', async () => {
    const backend = await backendOf(answerOk);
    const phone = await phoneOf(await gatewayOf(backend));
    for (let sent = 0; sent < 4; sent++) {
      phone.send(request('FolderSync', FOLDER_SYNC, ['Cookie: LtpaToken=x; a=1']));
      expect((await phone.response()).status).toBe(200);
    }
    expect(backend.requests.map((seen) => seen.header('cookie'))).toEqual(['a=1', 'a=1', 'a=1', 'a=1']);
  });

  it('takes no other cookie along: those of balancers in front of the server go on as they came', async () => {
    const cookies =
      'BIGipServerpool=1677787402.47873.0000;  AWSALB=x/DfEdAuThcAdAtA0x+x==; ARRAffinity=81df; ClientId=XLTPATOKEN1; NSC_mail=ffff';
    expect(await namesBehindGate([`Cookie: ${cookies}`])).toContain(`Cookie: ${cookies}`);
  });

  it('goes on to other pages, which have no other login', async () => {
    const cookies = 'LtpaToken=x; cadata=y; 0xHIGHFLYxSOGo=z';
    expect(await namesBehindLane([`Cookie: ${cookies}`])).toContain(`cookie: ${cookies}`);
  });
});
