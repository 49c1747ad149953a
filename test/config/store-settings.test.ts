// Owns the promises of the settings of the directory: which server of Redis, and with which name and certificates.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { storeOptions } from '../../src/config/store-settings.ts';
import type { StoreOptions } from '../../src/directory/open-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'easgate-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function settings(store: object): StoreOptions {
  const config = { upstream: { url: 'http://127.0.0.1' }, store: { kind: 'redis', ...store } };
  return storeOptions(parseConfig(JSON.stringify(config), join(folder, 'easgate.yaml')));
}

describe('store', () => {
  it('is the server of a URL', () => {
    expect(settings({ url: 'redis://u:p@host:1/2' })).toMatchObject({
      url: 'redis://u:p@host:1/2',
      keyPrefix: 'easgate:',
    });
  });

  it('takes user, password and database of their own, and writes them into the URL', () => {
    expect(
      settings({ url: 'rediss://host:1/2', username: 'easgate', password: 'p@ss/:', database: 3 }),
    ).toMatchObject({ url: 'rediss://easgate:p%40ss%2F%3A@host:1/3' });
  });

  it('is the primary that Sentinel names', () => {
    expect(
      settings({
        sentinels: ['one:26379', '[::1]:26380'],
        name: 'directory',
        password: 'secret',
        sentinelPassword: 'other',
        tls: {},
      }),
    ).toMatchObject({
      url: 'rediss://:secret@directory/0',
      sentinel: {
        nodes: [
          { host: 'one', port: 26_379 },
          { host: '::1', port: 26_380 },
        ],
        name: 'directory',
        password: 'other',
      },
      tls: {},
    });
  });

  it('is a Redis Cluster, of which some nodes are named', () => {
    expect(
      settings({ cluster: ['one:6379', '[::1]:6380'], username: 'easgate', password: 'p', tls: {} }),
    ).toMatchObject({
      url: 'rediss://easgate:p@cluster/0',
      cluster: [
        { host: 'one', port: 6_379 },
        { host: '::1', port: 6_380 },
      ],
      tls: {},
    });
  });

  it('reads certificates from files, relative to the configuration', () => {
    writeFileSync(join(folder, 'ca.pem'), 'authorities');
    expect(settings({ url: 'rediss://host', tls: { ca: 'ca.pem' } })).toMatchObject({
      tls: { ca: 'authorities' },
    });
  });

  it.each([
    [{}, /one of url, sentinels/],
    [{ url: 'redis://h', sentinels: ['h:1'], name: 'n' }, /one of url, sentinels/],
    [{ url: 'redis://h', cluster: ['h:1'] }, /one of url, sentinels/],
    [{ cluster: ['h'] }, /store\.cluster\.0/],
    [{ cluster: ['h:1'], database: 1 }, /store\.database/],
    [{ sentinels: ['h:1'] }, /store\.name/],
    [{ sentinels: ['h'], name: 'n' }, /store\.sentinels\.0/],
    [{ sentinels: ['h:99999'], name: 'n' }, /store\.sentinels\.0/],
    [{ url: 'redis://h', tls: {} }, /rediss/],
    [{ url: 'http://h' }, /must begin with redis/],
    [{ url: 'rediss://h', tls: { key: 'k.pem' } }, /together only/],
    [{ url: 'rediss://h', tls: { ca: 'missing.pem' } }, /missing\.pem/],
    [{ url: 'redis://h', keyPrefix: 'a{b}:' }, /braces/],
  ])('refuses %o, and says why', (store, message) => {
    expect(() => settings(store)).toThrow(message);
  });
});
