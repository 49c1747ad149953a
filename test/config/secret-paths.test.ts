// Owns the promise that the file of each secret is looked for beside the configuration, whatever section it is in.
import { expect, it } from 'vitest';
import { configurationSchema } from '../../src/config/describe.ts';
import { parseConfig } from '../../src/config/load.ts';

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

/** Where the schema has secrets: `feeds.tokens`, for one in a list. */
function secretPlaces(node: Node, path: string, places: Set<string>): Set<string> {
  const choices = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  if (choices.some((one) => one.properties?.['env']) && choices.some((one) => one.properties?.['file']))
    return places.add(path);
  for (const choice of choices) secretPlaces(choice, path, places);
  for (const [name, value] of Object.entries(node.properties ?? {}))
    secretPlaces(value, path === '' ? name : `${path}.${name}`, places);
  if (node.items !== undefined) secretPlaces(node.items, path, places);
  if (typeof node.additionalProperties === 'object') secretPlaces(node.additionalProperties, path, places);
  return places;
}

/** Where a configuration names the file of a secret, with the file. */
function filesOf(value: unknown, path: string, found: Map<string, string>): Map<string, string> {
  if (Array.isArray(value)) for (const one of value) filesOf(one, path, found);
  else if (typeof value === 'object' && value !== null)
    for (const [name, one] of Object.entries(value))
      if (name === 'file' && typeof one === 'string' && Object.keys(value).length === 1) found.set(path, one);
      else filesOf(one, path === '' ? name : `${path}.${name}`, found);
  return found;
}

const SECRET = { file: 'a-secret' };
const ldap = { name: 'c', kind: 'ldap', urls: ['ldaps://x'], bindDn: 'x', password: SECRET, baseDn: 'dc=x' };
const http = { kind: 'http', url: 'https://x/', format: 'jamf' };
const CONFIG = {
  listen: { tls: { certificates: [{ certificate: 'a', key: 'b' }], ticketSecret: SECRET } },
  metrics: { listen: '127.0.0.1:9782', token: SECRET },
  quarantine: { keySecret: SECRET },
  store: { kind: 'redis', sentinels: ['a:1'], name: 'x', password: SECRET, sentinelPassword: SECRET },
  sample: { users: [{ name: 'alice', password: SECRET }] },
  admin: {
    listen: '127.0.0.1:8781',
    publicUrl: 'https://x',
    provider: {
      name: 'x',
      issuer: 'https://x',
      clientId: 'x',
      clientSecret: SECRET,
      rolesClaim: 'roles',
      roles: { admin: ['x'] },
    },
  },
  feeds: [
    { name: 'a', kind: 'push', tokens: [SECRET] },
    { name: 'b', kind: 'webhook', secrets: [SECRET], format: 'ndjson', signature: { timestampField: 'at' } },
    ldap,
    {
      name: 'd',
      kind: 'graph',
      tenant: 'x.example',
      clientId: '11111111-2222-3333-4444-555555555555',
      clientSecret: SECRET,
    },
    { ...http, name: 'e', headers: { 'X-Key': SECRET }, auth: { type: 'bearer', token: SECRET } },
    { ...http, name: 'f', auth: { type: 'basic', user: 'x', password: SECRET } },
    {
      ...http,
      name: 'g',
      auth: { type: 'oauth', tokenUrl: 'https://x/', clientId: 'x', clientSecret: SECRET },
    },
  ],
};

it('the file of a secret is beside the configuration', () => {
  const config = parseConfig(JSON.stringify(CONFIG), '/etc/easgate/easgate.yaml');
  const url = parseConfig('store: { kind: redis, url: { file: a-secret } }', '/etc/easgate/easgate.yaml');
  const found = filesOf(url, '', filesOf(config, '', new Map()));
  // A name of a header is a place of its own.
  const places = [...found.keys()].map((place) => place.replace(/^feeds\.headers\..*/, 'feeds.headers'));
  expect(new Set(places)).toEqual(secretPlaces(JSON.parse(configurationSchema()) as Node, '', new Set()));
  expect(new Set(found.values())).toEqual(new Set(['/etc/easgate/a-secret']));
});
