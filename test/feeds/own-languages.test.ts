// Owns the promises about tables of one's own whose columns have names in other languages than English.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent } from './read-lines.ts';

describe('a table of one’s own', () => {
  it.each([
    ['German', 'EAS-ID;Verwaltet;Konform;Verschlüsselt;Benutzer;Letzter Kontakt;Seriennummer', 'BB22;Ja;Ja;Ja;lea@example.com;28.11.2026 06:07;EXAMPLE0001'],
    ['French', 'ID EAS;Géré;Conforme;Chiffré;Utilisateur;Dernier contact;Numéro de série', 'BB22;Oui;Oui;Oui;lea@example.com;28/11/2026 06:07;EXAMPLE0001'],
    ['Spanish', 'ID de EAS;Administrado;Conforme;Cifrado;Usuario;Último contacto;Número de serie', 'BB22;Sí;Sí;Sí;lea@example.com;28/11/2026 06:07;EXAMPLE0001'],
    ['Italian', 'ID EAS;Gestito;Conforme;Crittografato;Utente;Ultimo contatto;Numero di serie', 'BB22;Sì;Sì;Sì;lea@example.com;28/11/2026 06:07;EXAMPLE0001'],
    ['Portuguese', 'ID EAS;Gerenciado;Conforme;Criptografado;Usuário;Último contato;Número de série', 'BB22;Sim;Sim;Sim;lea@example.com;28/11/2026 06:07;EXAMPLE0001'],
    ['Dutch', 'EAS-id;Beheerd;Conform;Versleuteld;Gebruiker;Laatste contact;Serienummer', 'BB22;Ja;Ja;Ja;lea@example.com;28-11-2026 06:07;EXAMPLE0001'],
    ['Polish', 'Identyfikator EAS;Zarządzane;Zgodne;Zaszyfrowane;Użytkownik;Ostatni kontakt;Numer seryjny', 'BB22;Tak;Tak;Tak;lea@example.com;28.11.2026 06:07;EXAMPLE0001'],
    ['Japanese', 'EAS ID;管理対象;準拠;暗号化;ユーザー;最終接続日時;シリアル番号', 'BB22;はい;はい;はい;lea@example.com;2026/11/28 6:07;EXAMPLE0001'],
  ])('may have columns in %s', async (_language, header, row) => {
    const device = await onlyDevice(readContent(`${header}\n${row}\n`));
    const { id, managed, compliant, encrypted, owner, lastCheckIn, serialNumber } = device;
    expect([id, managed, compliant, encrypted, owner, lastCheckIn, serialNumber]).toEqual(['bb22', true, true, true, 'lea@example.com', '2026-11-28T06:07:00Z', 'EXAMPLE0001']);
  }); // prettier-ignore

  it.each([
    ['Nicht konform', { managed: true, compliant: false }],
    ['Gesperrt', { managed: true, compliant: false }],
    ['Gelöscht', { managed: false, compliant: null }],
  ])('says no by the column "%s", too', async (column, expected) => {
    const device = await onlyDevice(readContent(`EAS-ID;Verwaltet;Konform;${column}\nBB22;Ja;Ja;Ja\n`));
    expect(device).toMatchObject(expected);
  });

  it('may repeat its header, with the columns in another order', async () => {
    const table = 'EAS-ID;Verwaltet;Konform\nAA11;Ja;Nein\nEAS-ID;Konform;Verwaltet\nBB22;Nein;Ja\n';
    const { devices } = await readContent(table);
    expect(devices.map(({ id, managed, compliant }) => [id, managed, compliant])).toEqual([['aa11', true, false], ['bb22', true, false]]); // prettier-ignore
  });

  it.each([
    ['Gelöscht', false],
    ['Supprimé', false],
    ['Verwijderd', false],
    ['削除済み', false],
    ['Nicht gelöscht', true],
    ['Löschen abgebrochen', true],
    ['Disenrolled', false],
    ['In Reparatur', true],
  ])('with the state "%s" in German or another language is managed: %s', async (state, isManaged) => {
    const { managed, removed } = await onlyDevice(readContent(`EAS-ID;Verwaltet;Status\nBB22;Ja;${state}\n`));
    expect([managed, removed]).toEqual([isManaged, !isManaged]);
  });

  it('may have a value that is the name of a column', async () => {
    const { owner, compliant } = await onlyDevice(readContent('Benutzer;EAS-ID;Verwaltet;Konform\nBenutzer;BB22;Ja;Ja\n')); // prettier-ignore
    expect([owner, compliant]).toEqual(['benutzer', true]);
  });

  it('leaves a fact unknown if two columns for it differ', async () => {
    const { managed, problems } = await onlyDevice(readContent('EAS-ID;Verwaltet;Managed;Konform\nBB22;Ja;Nein;Ja\n')); // prettier-ignore
    expect([managed, problems.length]).toEqual([null, 1]);
  });

  it('is not recognized if it is a part of a report of Intune: the error says so', async () => {
    const table =
      'Gerätename;Verwaltet von;Konformität;Geräte-ID;Seriennummer\nP;Intune;Konform;g1;EXAMPLE0001\n';
    await expect(readContent(table)).rejects.toThrow(/format is not known/);
  });
});

describe('a console that exports in the language of the administrator', () => {
  it.each([
    ['workspace-one', 'Anzeigename;Seriennummer;EAS-Geräte-ID;Benutzername;E-Mail-Adresse;Eigentümerschaft;Plattform;Zuletzt gesehen;Konformitätsstatus', 'P;EXAMPLE0001;BB22;lea;lea@example.com;Unternehmen;Apple iOS;28.11.2026 06:07;Nicht konform'],
    ['workspace-one', 'Nom convivial;Numéro de série;ID d’appareil EAS;Nom d’utilisateur;Adresse e-mail;Propriété;Plate-forme;Dernière visite;Statut de conformité', 'P;EXAMPLE0001;BB22;lea;lea@example.com;Entreprise;Apple iOS;28/11/2026 06:07;Non conforme'],
    ['csv', 'Anzeigename;Seriennummer;EAS-Geräte-ID;Benutzername;E-Mail-Adresse;Eigentümerschaft;Plattform;Zuletzt gesehen;Konformitätsstatus', 'P;EXAMPLE0001;BB22;lea;lea@example.com;Unternehmen;Apple iOS;28.11.2026 06:07;Nicht konform'],
  ] as const)('is read, format %s: %s', async (format, header, row) => {
    const device = await onlyDevice(readContent(`${header}\n${row}\n`, { format }));
    const { id, serialNumber, compliant, owner, platform, lastCheckIn } = device;
    expect([id, serialNumber, compliant, owner, platform, lastCheckIn]).toEqual(['bb22', 'EXAMPLE0001', false, 'lea@example.com', 'ios', '2026-11-28T06:07:00Z']);
  }); // prettier-ignore

  it('is not taken for managed by a word that is not known', async () => {
    const table = 'Seriennummer;EAS-Geräte-ID;Registrierungsstatus;Konformitätsstatus\nEXAMPLE0001;BB22;Registriert;Konform\n'; // prettier-ignore
    const { managed, problems } = await onlyDevice(readContent(table, { format: 'workspace-one' }));
    expect([managed, problems.length]).toEqual([null, 1]);
  });
});
