// Owns the promises about the content of the quarantine message: model, unmet requirements and since when, in the reader's
// language, and the operator's own texts.
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.ts';
import { noticeSettings } from '../../../src/config/notice-settings.ts';
import { DEFAULT_TEMPLATES } from '../../../src/notices/default-templates.ts';
import { NoticeCache } from '../../../src/gateway/access/notice-cache.ts';
import { fromXml } from '../../../src/eas/wbxml/xml.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import type { Verdict } from '../../../src/model/verdict.ts';
import type { EasClient } from '../../support/phones/eas-client.ts';
import { find } from '../../support/phones/eas-client.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { openQuarantine } from '../../support/servers/quarantine.ts';
import type { Quarantine } from '../../support/servers/quarantine.ts';

checkLeaks();

let world: Quarantine;

const HELD: Verdict = {
  action: 'quarantine',
  reason: 'notCompliant',
  rule: 'test',
  validUntil: Infinity,
  since: Date.UTC(2026, 2, 4, 5, 6),
};

async function openWith(more: Partial<Verdict>): Promise<EasClient> {
  world = await openQuarantine();
  world.gateway.verdicts.set('phone1', { ...HELD, ...more });
  return world.phone();
}

/** The text of the message the phone gets. */
async function read(phone: EasClient): Promise<string> {
  const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
  await phone.sync(inbox);
  return find((await phone.sync(inbox)).tree, 'Data') ?? '';
}

const tellModel = (phone: EasClient): Promise<unknown> =>
  phone.command(
    'Settings',
    fromXml(
      '<Settings xmlns="Settings:"><DeviceInformation><Set><Model>iPhone15C2</Model></Set></DeviceInformation></Settings>',
    ),
  );

describe('the message of a quarantined phone', () => {
  it('names the model that the phone has just sent, before the directory has it', async () => {
    const phone = await openWith({});
    await tellModel(phone);
    expect(await read(phone)).toContain('iPhone15C2');
  });

  it('names the model from the directory', async () => {
    const text = await read(await openWith({ model: 'Pixel 8' }));
    expect(text).toContain('Pixel 8');
    expect(text).not.toContain('Model: Test');
  });

  it('names the DeviceType of the query when the model is unknown', async () => {
    expect(await read(await openWith({}))).toMatch(/Test/);
  });

  it('lists the unmet requirements, and since when the phone is on hold', async () => {
    const text = await read(await openWith({ requirement: 'encryption, minimumOs' }));
    expect(text).toContain('encryption, minimumOs');
    expect(text).toContain('March 4, 2026');
  });

  it('has the texts of the policy if it has any, with its link and deadlines', async () => {
    const text = await read(
      await openWith({
        reason: 'osTooOld',
        model: 'Pixel 4',
        nextStep: Date.UTC(2026, 11, 24, 12),
        message: {
          en: 'Update the {model} of {user} before {until}: {link}',
          de: 'Auf Deutsch',
          link: 'https://update.example.com/',
        },
      }),
    );
    expect(text).toContain('Update the Pixel 4 of alice before December 24, 2026');
    expect(text).toContain('https://update.example.com/');
    expect(text).not.toContain('device management app');
  });

  it('has the time of the request when the directory has none', async () => {
    const { since: _, ...unknown } = HELD;
    const before = Date.now();
    const phone = await openWith({});
    world.gateway.verdicts.set('phone1', { ...unknown, reason: 'unknownDevice' });
    const inbox = find((await phone.folderSync()).tree, 'ServerId') ?? '';
    await phone.sync(inbox);
    const received = Date.parse(find((await phone.sync(inbox)).tree, 'DateReceived') ?? '');
    expect(received).toBeGreaterThanOrEqual(Math.floor(before / 1_000) * 1_000);
    expect(received).toBeLessThanOrEqual(Date.now());
  });
});

describe.each([...DEFAULT_TEMPLATES.keys()])('a reader of %s', (language) => {
  it('gets this language by the Accept-Language of the phone', async () => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', HELD);
    const text = await read(world.phone({ acceptLanguage: `tlh, ${language}-XX;q=0.9, *;q=0.1` }));
    const { details } = DEFAULT_TEMPLATES.get(language)?.headings ?? { details: '?' };
    expect(text).toContain(details);
  });
});

describe.each([
  ['en', 'December 24, 2026', 'Not done by'],
  ['de', '24. Dezember 2026', 'Nicht erledigt bis zum'],
  ['fr', '24 décembre 2026', 'Si ce n’est pas fait avant le'],
  ['es', '24 de diciembre de 2026', 'Si no está hecho antes del'],
  ['ja', '2026年12月24日', 'までに完了しない場合'],
])('the date of the next step, for a reader of %s,', (language, date, words) => {
  const nextStep = Date.UTC(2026, 11, 24, 12);
  const readAs = async (more: Partial<Verdict>): Promise<string> => {
    world = await openQuarantine();
    world.gateway.verdicts.set('phone1', { ...HELD, ...more });
    return read(world.phone({ acceptLanguage: language }));
  };

  it('is in the built-in text, with what happens then', async () => {
    const text = await readAs({ reason: 'osTooOld', nextStep });
    expect(text).toContain(date);
    expect(text).toContain(words);
  });

  it('is in the text about a manual decision that ends', async () => {
    const text = await readAs({ reason: 'individualRule', nextStep });
    expect(text).toContain(date);
    expect(text).not.toContain(words);
  });

  it('is left out with its sentence where no step follows', async () => {
    expect(await readAs({ reason: 'osTooOld' })).not.toContain(words);
  });
});

describe('a message', () => {
  it('does not change with time, or because the phone sends its model', async () => {
    world = await openQuarantine();
    const notices = new NoticeCache(noticeSettings(configSchema.parse({})));
    const [user, device] = ['alice' as UserKey, 'phone1' as DeviceKey];
    const reader = { user, device, deviceType: 'iPhone', acceptLanguage: null };
    const first = notices.of(HELD, reader).fingerprint;
    expect(notices.of({ ...HELD, since: (HELD.since ?? 0) + 3_600_000 }, reader).fingerprint).toBe(first);
    notices.noteModel(user, device, 'iPhone15C2');
    expect(notices.of(HELD, reader).fingerprint).toBe(first);
    expect(notices.of({ ...HELD, requirement: 'encryption' }, reader).fingerprint).not.toBe(first);
    expect(notices.of({ ...HELD, nextStep: Date.UTC(2026, 11, 24) }, reader).fingerprint).not.toBe(first);
  });
});
