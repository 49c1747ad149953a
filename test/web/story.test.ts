// Owns the promise of the whole product in a browser: a policy is tried, published and enforced, a phone is quarantined and found, the
// help desk makes an exception, and the phone has its mail again. A real gateway, sample phones over its port.
import { join } from 'node:path';
import { request } from 'undici';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import type { Role } from '../../src/api/contract/paths.ts';
import { Phone } from '../../src/sample/phone/phone.ts';
import { askStatus } from '../../src/supervisor/ask-status.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { PATIENCE_MS, until } from '../support/checks/until.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { accessibilityProblems, openPage, useBrowser } from './support/browser.ts';

checkLeaks();
useBrowser();

const config = (port: number): string => `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, drainSeconds: 5, pollWindowSeconds: 1, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
admin: { listen: "127.0.0.1:${port}", requestsPerMinute: 10000 }
policy: { unknownDevice: allow, notEnrolled: allow, notCompliant: allow }
log: { access: false }
sample:
  users:
    - { name: alice, password: alice-pw, groups: [staff] }
    - { name: bob, password: bob-pw, groups: [staff, it] }
    - { name: carol, password: carol-pw, groups: [guests] }
  devices:
    - { id: ALICE1, managed: true, compliant: false, model: iPhone 15 }
    - { id: BOB1, managed: true, compliant: false, model: iPhone 14 }
    - { id: CAROL1, managed: true, compliant: false, model: iPhone 13 }
`;

const POLICY = `name: Story
mode: enforce
unknownDevice: { action: allow }
notEnrolled: { action: allow }
compliance:
  - name: baseline
    groups: [staff]
    require: { compliant: true }
noCompliancePolicy: { action: allow }
`;

/** A running gateway, and its API as an admin. */
interface Story {
  readonly gateway: GatewayProcess;
  readonly url: string;
  readonly token: (role: Role) => string;
  send<T>(path: string): Promise<T>;
}

async function open(): Promise<Story> {
  const port = await freePort();
  const gateway = await startGatewayProcess(config(port));
  onTestFinished(async () => {
    await gateway.stop();
  });
  const url = `http://127.0.0.1:${port}`;
  const link = (): string => /^dashboard: \S+\/setup#(\S+) /m.exec(gateway.out())?.[1] ?? '';
  await until(() => link() !== '', 'the link to the dashboard');
  const served = async (): Promise<boolean> => {
    const { control } = await askStatus(join(gateway.folder, 'easgate.pid'));
    return (control?.status?.admin?.url ?? null) !== null;
  };
  await until(served, 'the admin API');
  const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const answer = await request(`${url}/api/v1${path}`, {
      method: 'POST',
      headers: { origin: url, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      reset: true,
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(text);
    return { headers: answer.headers, json: JSON.parse(text) as unknown };
  };
  const signedIn = await post('/session', { setUp: link() });
  const cookie = String(signedIn.headers['set-cookie']).split(';')[0] ?? '';
  const tokens = new Map<string, string>();
  for (const role of ['viewer', 'helpdesk', 'operator', 'admin'] as const) {
    const { json } = await post('/tokens', { name: `the ${role}`, role, expiresInDays: 1 }, { cookie });
    tokens.set(role, (json as AnswerOf<'createToken'>).secret);
  }
  return {
    gateway,
    url,
    token: (role) => tokens.get(role) ?? '',
    send: async <T>(path: string): Promise<T> => {
      const answer = await request(`${url}/api/v1${path}`, {
        headers: { authorization: `Bearer ${tokens.get('admin') ?? ''}` },
        reset: true,
      });
      return (await answer.body.json()) as T;
    },
  };
}

/** A phone of the user, which has its mail. */
async function phoneOf({ gateway }: Story, user: string): Promise<Phone> {
  const phone = new Phone({
    server: `http://127.0.0.1:${gateway.port}`,
    user,
    password: `${user}-pw`,
    deviceId: `${user.toUpperCase()}1`,
    family: 'ios',
  });
  onTestFinished(() => phone.close());
  await phone.settle(AbortSignal.timeout(PATIENCE_MS));
  return phone;
}

/** The user pulls to refresh until the Inbox is so. */
async function refreshed(phone: Phone, what: string, isSo: (subjects: string[]) => boolean): Promise<void> {
  await until(async () => {
    phone.tryAgain();
    await phone.settle(AbortSignal.timeout(PATIENCE_MS));
    return isSo(phone.screen.subjects);
  }, what);
}

async function publish(page: Page, comment: string, button: RegExp): Promise<void> {
  await page.getByRole('button', { name: 'Publish…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Comment').fill(comment);
  await dialog.getByRole('button', { name: button }).click();
  await dialog.waitFor({ state: 'detached' });
}

describe('from the first policy to an exception', { timeout: 600_000 }, () => {
  it('everybody sees what happens, and why, before it happens and after it', async () => {
    const story = await open();
    const [alice, bob] = [await phoneOf(story, 'alice'), await phoneOf(story, 'bob')];
    await phoneOf(story, 'carol');
    const mail = alice.screen.subjects;
    expect(mail.length).toBeGreaterThan(0);
    await until(
      async () => (await story.send<AnswerOf<'listDevices'>>('/devices?state=allowed')).rows.length === 3,
      'three allowed phones in the lists',
    );

    // The admin writes a policy for a group, and looks who would be refused.
    const { page, complaints } = await openPage(story, '/policy', { role: 'admin', isReal: true });
    const area = page.getByLabel('Policy document');
    await area.fill(POLICY);
    await page.getByText('2 of 3 devices change.').waitFor();
    await page.getByRole('link', { name: 'Who they are' }).click();
    await page.getByRole('heading', { name: '2 devices by reason' }).waitFor();
    await page.getByRole('row', { name: /^Not compliant/ }).waitFor();
    expect(await page.getByRole('link', { name: 'carol' }).count()).toBe(0);
    await page.getByRole('link', { name: 'bob' }).waitFor();

    // One group is exempt; the rest is tried with report-only first.
    await page.getByRole('link', { name: 'Back to the draft' }).click();
    await area.fill(
      POLICY.replace('    groups: [staff]\n', '    groups: [staff]\n    except: { groups: [it] }\n'),
    );
    await page.getByText('1 of 3 devices change.').waitFor();
    await page.getByRole('group', { name: 'Mode' }).getByRole('button', { name: 'Report only' }).click();
    await page.getByText('No device changes.').waitFor();
    await publish(page, 'Try it on staff', /^Publish$/);
    await page.getByText('Version 1 is live.').waitFor();
    await refreshed(alice, 'the mail of alice', (subjects) => subjects.join() === mail.join());
    await page.getByRole('link', { name: 'Reports' }).click();
    await page.getByRole('heading', { name: '1 device by reason' }).waitFor();
    await page.getByRole('link', { name: 'alice' }).waitFor();

    // Then it is enforced, and the phone is quarantined.
    await page.getByRole('link', { name: 'Policy', exact: true }).click();
    await page.getByRole('group', { name: 'Mode' }).getByRole('button', { name: 'Enforce' }).click();
    await page.getByText('1 of 3 devices change.').waitFor();
    await publish(page, 'Enforced for staff', /^Publish: 1 device refused$/);
    await page.getByText('Version 2 is live.').waitFor();
    await refreshed(
      alice,
      'the message of the quarantine',
      (subjects) => subjects.length === 1 && subjects.join() !== mail.join(),
    );
    await refreshed(bob, 'the mail of bob', (subjects) => subjects.length === mail.length);

    // The tile counts it, and leads to it with its reason.
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('link', { name: /^Quarantined 1 / }).click();
    const row = page.locator('tbody tr[data-index="0"]');
    await row.getByText('Not compliant').waitFor();
    expect(await page.locator('tbody tr[data-index]').count()).toBe(1);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(complaints).toEqual([]);

    // The help desk makes an exception until tomorrow.
    const desk = await openPage(story, '/devices?state=quarantined', { role: 'helpdesk', isReal: true });
    await desk.page.getByRole('link', { name: 'alice' }).click();
    await desk.page.getByText('decides: quarantine').waitFor();
    await desk.page.getByRole('button', { name: 'More' }).first().click();
    await desk.page.getByRole('menuitem', { name: 'Allow until…' }).click();
    const dialog = desk.page.getByRole('dialog');
    await dialog.getByLabel('Until').selectOption('tomorrow');
    await dialog.getByLabel('Reason').fill('Repairs it today, ticket 4711');
    await dialog.getByRole('button', { name: /^Allow until tomorrow/ }).click();
    await desk.page.getByText('decides: allow').waitFor();
    await refreshed(alice, 'the mail of alice', (subjects) => subjects.join() === mail.join());
    expect(desk.complaints).toEqual([]);

    // Every step is in the audit and in the journal.
    await page.getByRole('link', { name: 'Journal' }).click();
    await page
      .getByText(/^Refused: Not compliant/)
      .first()
      .waitFor();
    await page.getByRole('link', { name: 'Changes' }).click();
    await page.getByText('Manual decision').first().waitFor();
    expect(await page.getByText('Policy published').count()).toBe(2);
    const audit = await story.send<AnswerOf<'queryAudit'>>('/audit?operation=policy_publish,decide');
    expect(audit.rows.map(({ operation, by, comment }) => [operation, by, comment])).toEqual([
      ['decide', 'the helpdesk', 'Repairs it today, ticket 4711'],
      ['policy_publish', 'the admin', 'Enforced for staff'],
      ['policy_publish', 'the admin', 'Try it on staff'],
    ]);
    const events = await story.send<AnswerOf<'queryJournal'>>('/journal?limit=200');
    const kinds = events.rows.map(({ kind }) => kind);
    expect(kinds).toContain('policy_changed');
    expect(kinds).toContain('device_refused');
  });
});
