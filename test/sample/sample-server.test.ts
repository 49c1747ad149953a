// Owns the promises of the sample mail server, seen from a phone.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TagName } from '../../src/eas/wbxml/code-pages.ts';
import { child, childrenNamed, element, textOf } from '../../src/eas/wbxml/element.ts';
import type { WbxmlElement } from '../../src/eas/wbxml/element.ts';
import { startSampleServer } from '../../src/sample/server.ts';
import type { SampleServer } from '../../src/sample/server.ts';
import { EasClient, changes, find } from '../support/phones/eas-client.ts';
import type { EasClientOptions } from '../support/phones/eas-client.ts';
import { until } from '../support/checks/until.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';

checkLeaksAtEnd();

let server: SampleServer;
let phone: EasClient;
let devices = 0;
const open: EasClient[] = [];

beforeAll(async () => {
  const users = ['alice', 'bob'].map((name) => ({ name, password: `${name}-pw` }));
  server = await startSampleServer({ users });
});
afterAll(async () => {
  for (const client of open) client.close();
  await server.close();
});
beforeEach(() => {
  phone = newPhone({});
});

/** A device that is new to the server. */
function newPhone(options: Partial<EasClientOptions>): EasClient {
  const device = `PHONE${++devices}`;
  const client = new EasClient({
    port: server.port,
    user: 'alice',
    password: `${options.user ?? 'alice'}-pw`,
    device,
    ...options,
  });
  open.push(client);
  return client;
}

const air = (name: TagName<'AirSync'>, ...inner: (WbxmlElement | string)[]): WbxmlElement =>
  element('AirSync', name, ...inner);

/** Brings the Inbox up to date. */
async function syncAll(client: EasClient): Promise<WbxmlElement[]> {
  const added: WbxmlElement[] = [];
  await client.sync('1');
  for (;;) {
    const answer = await client.sync('1');
    added.push(...changes(answer, 'Add'));
    if (find(answer.tree, 'MoreAvailable') === undefined) return added;
  }
}

describe('authentication', () => {
  it('answers a wrong password with 401 and a challenge', async () => {
    const answer = await newPhone({ password: 'wrong' }).httpOptions();
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Basic realm="sample"');
  });

  it.each(['ALICE', 'CORP\\alice', 'alice@example.com'])('accepts alice as %s', async (user) => {
    expect((await newPhone({ user, password: 'alice-pw' }).httpOptions()).status).toBe(200);
  });
});

describe('OPTIONS', () => {
  it('lists versions and commands', async () => {
    const { headers } = await phone.httpOptions();
    expect(headers['ms-asprotocolversions']).toBe('2.5,12.0,12.1,14.0,14.1,16.0,16.1');
    expect(headers['ms-asprotocolcommands']).toContain('FolderSync');
  });
});

describe('malformed requests', () => {
  it('get 400 for an unknown command', async () => {
    expect((await phone.command('Nonsense', null)).status).toBe(400);
  });

  it('get 400 for a body that is not WBXML', async () => {
    expect((await phone.command('FolderSync', Buffer.from('nonsense'))).status).toBe(400);
  });
});

describe('Provision', () => {
  it('issues a temporary key, then a final one', async () => {
    const final = await phone.provision();
    expect(find(final.tree, 'PolicyKey')).toMatch(/^\d+$/);
    expect(find(final.tree, 'EASProvisionDoc')).toBeUndefined();
  });

  it('answers an acknowledgement of another key with status 5', async () => {
    const policy = element(
      'Provision',
      'Policy',
      element('Provision', 'PolicyType', 'MS-EAS-Provisioning-WBXML'),
      element('Provision', 'PolicyKey', '123'),
      element('Provision', 'Status', '1'),
    );
    const answer = await phone.command(
      'Provision',
      element('Provision', 'Provision', element('Provision', 'Policies', policy)),
    );
    expect(textOf(child(child(child(answer.tree, 'Policies'), 'Policy'), 'Status'))).toBe('5');
  });
});

describe('FolderSync', () => {
  it('lists the folders once', async () => {
    const first = await phone.folderSync();
    const names = childrenNamed(child(first.tree, 'Changes'), 'Add').map((add) =>
      textOf(child(add, 'DisplayName')),
    );
    expect(names).toEqual(['Inbox', 'Sent Items', 'Deleted Items', 'Drafts']);
    const second = await phone.folderSync();
    expect(find(second.tree, 'Count')).toBe('0');
  });

  it('answers an unknown key with status 9', async () => {
    phone.folderKey = '77';
    expect((await phone.folderSync()).easStatus).toBe('9');
  });

  it('reads a base64 query', async () => {
    expect((await newPhone({ query: 'base64' }).folderSync()).easStatus).toBe('1');
  });
});

describe('Sync', () => {
  it('starts with only a key, then sends the messages', async () => {
    const first = await phone.sync('1');
    expect(changes(first, 'Add')).toHaveLength(0);
    const second = await phone.sync('1');
    expect(changes(second, 'Add').length).toBeGreaterThanOrEqual(3);
    expect(find(second.tree, 'Subject')).toBe('Welcome');
  });

  it('sends at most WindowSize messages, and MoreAvailable', async () => {
    await phone.sync('1');
    const answer = await phone.sync('1', [air('WindowSize', '1')]);
    expect(changes(answer, 'Add')).toHaveLength(1);
    expect(find(answer.tree, 'MoreAvailable')).toBe('');
  });

  it('answers an empty body when nothing changed', async () => {
    await syncAll(phone);
    expect(await phone.sync('1')).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  });

  it('answers an unknown key with status 3', async () => {
    phone.syncKeys.set('1', '99');
    expect((await phone.sync('1')).easStatus).toBe('3');
  });

  it('repeats its answer when the answer to the last key was lost', async () => {
    await phone.sync('1');
    const key = phone.syncKeys.get('1') ?? '';
    const lost = await phone.sync('1');
    phone.syncKeys.set('1', key);
    const again = await phone.sync('1');
    expect(again.easStatus).toBe('1');
    expect(changes(again, 'Add')).toHaveLength(changes(lost, 'Add').length);
  });

  it('answers an unknown folder with status 8', async () => {
    expect((await phone.sync('77')).easStatus).toBe('8');
  });

  it('sends a changed read flag to other devices', async () => {
    const other = newPhone({});
    const [message] = await syncAll(phone);
    await syncAll(other);
    const id = textOf(child(message, 'ServerId')) ?? '';
    const wasRead = find(message, 'Read') === '1';
    const change = air(
      'Change',
      air('ServerId', id),
      air('ApplicationData', element('Email', 'Read', wasRead ? '0' : '1')),
    );
    expect((await phone.sync('1', [air('Commands', change)])).easStatus).toBe('1');
    expect(changes(await other.sync('1'), 'Change').map((one) => textOf(child(one, 'ServerId')))).toEqual([
      id,
    ]);
  });

  it('fetches a message by its id', async () => {
    const [message] = await syncAll(phone);
    const id = textOf(child(message, 'ServerId')) ?? '';
    const answer = await phone.sync('1', [air('Commands', air('Fetch', air('ServerId', id)))]);
    const responses = child(child(child(answer.tree, 'Collections'), 'Collection'), 'Responses');
    expect(find(responses, 'Subject')).toBe(find(message, 'Subject'));
  });

  it('sends a deletion to other devices', async () => {
    server.deliver('alice', 'To be deleted', 'x');
    const other = newPhone({});
    const messages = await syncAll(phone);
    await syncAll(other);
    const id = textOf(child(messages.at(-1), 'ServerId')) ?? '';
    await phone.sync('1', [air('Commands', air('Delete', air('ServerId', id)))]);
    expect(changes(await other.sync('1'), 'Delete').map((one) => textOf(child(one, 'ServerId')))).toEqual([
      id,
    ]);
  });

  it('with HeartbeatInterval is held until a message arrives', async () => {
    await syncAll(phone);
    const held = phone.sync('1', [], [air('HeartbeatInterval', '60')]);
    await until(() => server.held() === 1, 'a held Sync');
    server.deliver('alice', 'News', 'x');
    expect(find((await held).tree, 'Subject')).toBe('News');
  });
});

describe('Ping', () => {
  it('is held until a message arrives, and ends with status 2 and the folder', async () => {
    const held = phone.ping(60);
    await until(() => server.held() === 1, 'a held Ping');
    server.deliver('alice', 'News', 'x');
    const answer = await held;
    expect(answer.easStatus).toBe('2');
    expect(find(answer.tree, 'Folder')).toBe('1');
  });

  it('ends at once when a message arrived before it', async () => {
    await syncAll(phone);
    server.deliver('alice', 'Early', 'x');
    expect((await phone.ping(60)).easStatus).toBe('2');
  });

  it('ends with status 1 when the heartbeat is over', async () => {
    expect((await phone.ping(1)).easStatus).toBe('1');
  });

  it('uses the last parameters when it is empty', async () => {
    await phone.ping(1);
    expect((await phone.ping()).easStatus).toBe('1');
  });

  it('is answered with status 3 when it is empty and there are no last parameters', async () => {
    expect((await phone.ping()).easStatus).toBe('3');
  });

  it('is answered with status 5 and the limit when the heartbeat is out of bounds', async () => {
    const answer = await phone.ping(9_999);
    expect(answer.easStatus).toBe('5');
    expect(find(answer.tree, 'HeartbeatInterval')).toBe('3540');
  });

  it('ends when the phone disconnects', async () => {
    const left = new AbortController();
    const held = phone.ping(60, '1', left.signal).catch((error: unknown) => error);
    await until(() => server.held() === 1, 'a held Ping');
    left.abort();
    await until(() => server.held() === 0, 'the poll to be given up');
    expect(await held).toBeInstanceOf(Error);
  });
});

describe('mail', () => {
  it.each(['14.1', '12.1'])(
    'is delivered to the Inbox of a local user and to Sent Items of the sender (%s)',
    async (version) => {
      const bob = newPhone({ user: 'bob' });
      await syncAll(bob);
      const sender = newPhone({ version });
      const subject = `Hello ${version}`;
      expect(await sender.sendMail('Bob <bob@example.com>', subject, 'Text.')).toMatchObject({
        status: 200,
        body: Buffer.alloc(0),
      });
      expect(find((await bob.sync('1')).tree, 'Subject')).toBe(subject);
      await sender.sync('2');
      const sent = changes(await sender.sync('2'), 'Add').map((add) => find(add, 'Subject'));
      expect(sent).toContain(subject);
    },
  );
});

describe('GetItemEstimate', () => {
  it('counts the items that the device does not have', async () => {
    await phone.sync('1');
    const collection = element(
      'GetItemEstimate',
      'Collection',
      element('GetItemEstimate', 'CollectionId', '1'),
    );
    const tree = element(
      'GetItemEstimate',
      'GetItemEstimate',
      element('GetItemEstimate', 'Collections', collection),
    );
    const before = Number(find((await phone.command('GetItemEstimate', tree)).tree, 'Estimate'));
    expect(before).toBeGreaterThanOrEqual(3);
    await phone.sync('1');
    expect(find((await phone.command('GetItemEstimate', tree)).tree, 'Estimate')).toBe('0');
  });
});

describe('attachments', () => {
  async function reference(): Promise<string> {
    const messages = await syncAll(phone);
    return (
      messages.map((message) => find(message, 'FileReference')).find((found) => found !== undefined) ?? ''
    );
  }

  it('are sent with ItemOperations', async () => {
    const fetch = element(
      'ItemOperations',
      'Fetch',
      element('ItemOperations', 'Store', 'Mailbox'),
      element('AirSyncBase', 'FileReference', await reference()),
    );
    const answer = await phone.command('ItemOperations', element('ItemOperations', 'ItemOperations', fetch));
    expect(Buffer.from(find(answer.tree, 'Data') ?? '', 'base64').toString()).toMatch(/^%PDF/);
  });

  it('are sent with GetAttachment', async () => {
    const more = { AttachmentName: await reference() };
    const answer = await phone.command('GetAttachment', null, '', more);
    expect(answer.headers['content-type']).toBe('application/pdf');
    expect(answer.body.toString()).toMatch(/^%PDF/);
  });
});

describe('Settings', () => {
  it('accepts device information', async () => {
    const model = element('Settings', 'Set', element('Settings', 'Model', 'Test'));
    const tree = element('Settings', 'Settings', element('Settings', 'DeviceInformation', model));
    expect((await phone.command('Settings', tree)).easStatus).toBe('1');
  });
});

describe('Search', () => {
  it('finds nothing', async () => {
    const store = element(
      'Search',
      'Store',
      element('Search', 'Name', 'GAL'),
      element('Search', 'Query', 'x'),
    );
    expect((await phone.command('Search', element('Search', 'Search', store))).easStatus).toBe('1');
  });
});

describe('an empty Sync', () => {
  it('repeats the last one if that brought no changes, and gets status 13 otherwise', async () => {
    expect((await phone.command('Sync', null)).easStatus).toBe('13');
    await syncAll(phone);
    expect((await phone.sync('1')).body).toHaveLength(0);
    expect((await phone.command('Sync', null)).body).toHaveLength(0);
    server.deliver('alice', 'Empty', 'Text');
    expect(changes(await phone.command('Sync', null), 'Add')).toHaveLength(1);
    expect((await phone.command('Sync', null)).easStatus).toBe('13');
  });
});

describe('a server that requires a policy', () => {
  let strict: SampleServer;
  beforeAll(async () => {
    strict = await startSampleServer({
      users: [{ name: 'alice', password: 'alice-pw' }],
      requirePolicy: true,
    });
  });
  afterAll(() => strict.close());

  it.each([
    ['2.5', 449, undefined, undefined],
    ['12.1', 449, undefined, undefined],
    ['14.0', 200, '142', '144'],
    ['16.1', 200, '142', '144'],
  ])(
    'sends a phone that speaks %s without the current key to Provision',
    async (version, http, none, wrong) => {
      const client = newPhone({ port: strict.port, version });
      expect(await client.folderSync()).toMatchObject({ status: http, easStatus: none });
      client.policyKey = '12345';
      expect(await client.folderSync()).toMatchObject({ status: http, easStatus: wrong });
      await client.provision();
      client.folderKey = '0';
      expect(await client.folderSync()).toMatchObject({ status: 200, easStatus: '1' });
    },
  );

  it('does not accept the temporary key as the current one', async () => {
    const client = newPhone({ port: strict.port });
    const type = element('Provision', 'PolicyType', 'MS-EAS-Provisioning-WBXML');
    const policies = element('Provision', 'Policies', element('Provision', 'Policy', type));
    const first = await client.command('Provision', element('Provision', 'Provision', policies));
    client.policyKey = find(first.tree, 'PolicyKey') ?? '';
    expect((await client.folderSync()).easStatus).toBe('144');
  });

  it('requires no key for a Ping, and uses HTTP statuses where a reply has no EAS status', async () => {
    const client = newPhone({ port: strict.port });
    // An empty Ping without an earlier one to repeat.
    expect((await client.ping()).easStatus).toBe('3');
    expect((await client.command('GetAttachment', null, '', { AttachmentName: '1:2' })).status).toBe(449);
  });
});
