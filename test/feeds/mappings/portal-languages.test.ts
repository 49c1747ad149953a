// Owns the promises about exports of Intune's admin centre in languages whose words Microsoft documents: headers and values.
// @see https://learn.microsoft.com/intune/remote-actions/device-inventory in da-dk, nb-no, cs-cz, hu-hu, tr-tr, ko-kr (columns)
// @see https://learn.microsoft.com/intune/protect/compliance-policy-monitor in these languages (states)
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent } from '../read-lines.ts';

/** Of each language: columns, values of a good row, and other words for a state. */
const LANGUAGES: Readonly<Record<string, Language>> = {
  Danish: {
    columns: 'Enheds-id;Enhedsnavn;Administreret af;Ejerskab;Overholdelse af angivne standarder;Operativsystem;Operativsystemversion;Seneste check-in;UPN for primær bruger;EAS-aktiverings-id;Krypteret;Jailbroken;Serienummer;Intune-registreret',
    good: ['Virksomhed', 'Kompatibel', 'Ja', 'Nej'],
    states: { 'Ikke-kompatibel': false, 'Ikke kompatibel': false, 'Overholder': true, 'Overholder ikke': false, 'I respitperiode': 'grace', 'I henstandsperioden': 'grace', 'Ikke evalueret': null, 'Ukendt': null, 'Fejl': null },
    personal: 'Personlig',
  },
  Norwegian: {
    columns: 'Enhets-ID;Enhetsnavn;Administrert av;Eierskap;Samsvar;Operativsystem;Operativsystemversjon;Siste innsjekking;Primær bruker-UPN;EAS-aktiverings-ID;Kryptert;Jailbroken;Serienummer;Intune-registrert',
    good: ['Bedrift', 'I samsvar', 'Ja', 'Nei'],
    states: { 'Kompatibel': true, 'Ikke-kompatibel': false, 'Ikke i samsvar': false, 'I respittperiode': 'grace', 'Ikke evaluert': null, 'Ukjent': null, 'Feil': null },
    personal: 'Personlig',
  },
  Czech: {
    columns: 'ID zařízení;Název zařízení;Spravuje;Vlastnictví;Dodržování předpisů;Operační systém;Verze operačního systému;Poslední kontakt;Hlavní název uživatele;ID aktivace EAS;Šifrované;S jailbreakem;Sériové číslo;Intune je zaregistrované.',
    good: ['Podnikové', 'Vyhovující předpisům', 'Ano', 'Ne'],
    states: { 'Vyhovující': true, 'Nevyhovující předpisům': false, 'Nedodržující předpisy': false, 'Nevyhovující': false, 'V období odkladu': 'grace', 'Nevyhodnoceno': null, 'Neznámý': null, 'Chyba': null, 'Zařízení není synchronizované': null },
    personal: 'Osobní',
  },
  Hungarian: {
    columns: 'Intune-eszközazonosító;Eszköz neve;Kezelő;Tulajdonjog;Megfelelőség;Operációs rendszer;Operációs rendszer verziója;Utolsó kapcsolat;Elsődleges felhasználó UPN;EAS-aktiválási azonosító;Titkosítva;Jailbreakelt;Sorozatszám;Intune regisztrálva',
    good: ['Vállalati', 'Megfelelő', 'Igen', 'Nem'],
    states: { 'Nem megfelelő': false, 'Türelmi időszakban': 'grace', 'Türelmi időszak': 'grace', 'Ismeretlen': null, 'Hiba': null, 'Az eszköz nincs szinkronizálva': null },
    personal: 'Személyes',
  },
  Turkish: {
    columns: 'Intune Cihaz Kimliği;Cihaz adı;Yöneten;Sahiplik;Uyumluluk;İşletim sistemi;İşletim sistemi sürümü;Son iletişim;Birincil kullanıcı UPN\u2019si;EAS etkinleştirme kimliği;Şifreli;Jailbreak uygulanmış;Seri numarası;Intune kayıtlı',
    good: ['Kurumsal', 'Uyumlu', 'Evet', 'Hayır'],
    states: { 'UYUMLU': true, 'Uyumsuz': false, 'Uyumlu değil': false, 'Yetkisiz kullanım süresinde': 'grace', 'Değerlendirilmedi': null, 'Bilinmeyen': null, 'Hata': null, 'Cihaz eşitlenmedi': null },
    personal: 'Kişisel',
  },
  Korean: {
    columns: 'Intune 디바이스 ID;디바이스 이름;관리자;소유권;준수;운영 체제;운영 체제 버전;마지막 연결;기본 사용자 UPN;EAS 활성화 ID;암호화됨;탈옥됨;일련 번호;Intune에 등록됨',
    good: ['회사', '준수', '예', '아니요'],
    states: { '규정 준수': true, '비준수': false, '미준수': false, '비규격': false, '유예 기간': 'grace', '유예 기간 중': 'grace', '평가되지 않음': null, '알 수 없음': null, '오류': null, '디바이스 동기화 안 됨': null },
    personal: '개인',
  },
}; // prettier-ignore

interface Language {
  readonly columns: string;
  /** Company, compliant, yes, no. */
  readonly good: readonly [company: string, compliant: string, yes: string, no: string];
  readonly states: Readonly<Record<string, boolean | 'grace' | null>>;
  readonly personal: string;
}

const row = ({ good: [company, compliant, yes, no] }: Language, more: Partial<Row> = {}): string => {
  const one = { ownership: company, compliance: compliant, encrypted: yes, jailbroken: no, registered: yes, ...more };
  return `0d0e0f00-1111-4aaa-8bbb-0000000000a1;x;Intune;${one.ownership};${one.compliance};iOS/iPadOS;26.1;2026-11-20 06:02:10.0000000;Alice@Example.com;A1B2C3;${one.encrypted};${one.jailbroken};EXAMPLE0001;${one.registered}`;
}; // prettier-ignore

interface Row {
  readonly ownership: string;
  readonly compliance: string;
  readonly encrypted: string;
  readonly jailbroken: string;
  readonly registered: string;
}

describe.each(Object.entries(LANGUAGES))('an export in %s', (_, language) => {
  const read = (more: Partial<Row> = {}) =>
    onlyDevice(readContent(`\ufeff${language.columns}\r\n${row(language, more)}\r\n`));
  const [, , yes, no] = language.good;

  it('has all its columns and words', async () => {
    expect(await read()).toMatchObject({
      id: 'a1b2c3',
      sourceId: '0d0e0f00-1111-4aaa-8bbb-0000000000a1',
      managed: true,
      compliant: true,
      encrypted: true,
      compromised: false,
      ownership: 'company',
      platform: 'ios',
      osVersion: '26.1',
      owner: 'alice@example.com',
      serialNumber: 'EXAMPLE0001',
      lastCheckIn: '2026-11-20T06:02:10Z',
      problems: [],
    });
  });

  it.each(Object.entries(language.states))('the state %s means %s', async (compliance, meant) => {
    const { compliant, problems } = await read({ compliance });
    expect([compliant, problems]).toEqual(meant === 'grace' ? [true, ['the end of the grace period is unknown']] : [meant, []]); // prettier-ignore
  });

  it('has words for what is not so', async () => {
    expect(
      await read({ ownership: language.personal, encrypted: no, jailbroken: yes, registered: no }),
    ).toMatchObject({
      ownership: 'personal',
      encrypted: false,
      compromised: true,
      managed: false,
      problems: [],
    });
  });
});
