// Owns the promises against accounts that the provider knows, and that are not of this company: of another tenant, or with the mail
// address of somebody else (OpenID Connect Core 5.7).
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { roleIn } from '../../src/api/auth/provider-claims.ts';
import { OpenIdProvider } from '../../src/api/auth/provider.ts';
import { adminProvider } from '../../src/config/schema/admin-provider.ts';

const SETTINGS = {
  issuer: 'https://login.microsoftonline.com/contoso.example/v2.0',
  clientId: 'x',
  clientSecret: 'y',
  roles: { admin: ['ada@contoso.example'] },
};

describe('an account of another tenant', () => {
  it.each(['common/v2.0', 'organizations/v2.0', 'consumers/v2.0', 'common', 'Common/v2.0'])(
    'is kept out: the issuer of all tenants of Microsoft Entra is refused: %s',
    (path) => {
      const issuer = `https://login.microsoftonline.com/${path}`;
      expect(adminProvider.safeParse(SETTINGS).success).toBe(true);
      expect(adminProvider.safeParse({ ...SETTINGS, issuer }).success).toBe(false);
    },
  );

  it('is kept out where the provider names its issuer by a pattern', async () => {
    const issuer = 'https://login.microsoftonline.com/{tenantid}/v2.0';
    const endpoint = 'https://login.microsoftonline.com/x';
    vi.stubGlobal('fetch', async () =>
      Response.json({ issuer, authorization_endpoint: endpoint, token_endpoint: endpoint }),
    );
    onTestFinished(() => void vi.unstubAllGlobals());
    const provider = new OpenIdProvider(adminProvider.parse(SETTINGS));
    await expect(provider.begin('https://gateway.example/back', Date.now())).rejects.toMatchObject({
      code: 'EASGATE_API_PROVIDER_SETUP',
    });
  });
});

describe('a role by mail address', () => {
  const settings = adminProvider.parse({ ...SETTINGS, rolesClaim: 'email' });

  it.each([undefined, false, 'true', 1])('is given to no address that was not checked: %j', (verified) => {
    expect(roleIn({ email: 'ada@contoso.example', email_verified: verified }, settings)).toBeNull();
  });

  it('is given to one that the provider checked', () => {
    expect(roleIn({ email: 'ada@contoso.example', email_verified: true }, settings)).toBe('admin');
  });
});
