// Owns the words of all languages that sources use for yes and no, compliance, management and encryption, in the form in which words
// compare (row.ts, wordOf). Pure.
// Rule: what is not listed is not understood. A word that means yes in one language and no in another is not listed at all.
import { meanings, names } from './word-lists.ts';

/**
 * Excel writes TRUE and FALSE in its own language, as does the admin centre of Intune yes and no; PowerShell writes True and False in
 * every language, and its scripts $true and $false, PostgreSQL t and f.
 */
export const YES: ReadonlySet<string> = new Set(
  names(`
  true yes y t 1 on enabled wahr ja vrai oui verdadero si sí sì da vero waar prawda tak verdadeiro sim sand sant
  истина да sann tosi kyllä pravda ano áno igaz igen evet doğru adevărat ναι はい 是 예 네 真 참 $true $True
`),
);
export const NO: ReadonlySet<string> = new Set(
  names(`
  false no n f 0 off disabled notenabled falsch nein faux non falso onwaar nee fałsz nie não nao falsk falskt ложь нет
  nej nei usann epätosi ei nepravda ne hamis nem hayır hayir yanlış yanliş fals nu όχι いいえ 否 아니요 아니오 偽 假 거짓
  $false $False
`),
);
/** They leave it open. */
export const OPEN: ReadonlySet<string> = new Set(
  names(`
  unknown unbekannt inconnu desconocido notevaluated pending notreported notdetermined sconosciuto onbekend okänd ukjent
  ukendt nieznane nieznany неизвестно desconhecido 不明 未知 알수없음 neznámý neznámé neznámá ismeretlen bilinmeyen
  bilinmiyor
`),
);
/** They say that there is nothing. */
export const NOTHING: ReadonlySet<string> = new Set(
  names(`
  notavailable notapplicable none notcollected notsupported ikketilgængelig ikketilgjengelig nedostupné nenínikdispozici
  nemérhetőel nemelérhető kullanılamıyor 사용할수없음 해당없음
`),
);
export const UNSURE: ReadonlySet<string> = new Set([...OPEN, ...NOTHING]);
/** Words of states of a device that left, in all spellings, also while the removal is under way or failed: `Enterprise Wipe Pending`, `Retire failed`. */
export const LEFT = new RegExp(
  [
    'wip(?:e|ing)|retir|unenrol|deenrol|disenrol|unregist|deregist|delet|remov(?:e|al|ing)|decommission|offboard|revok|deactivat|archiv|disown',
    // German, French, Spanish, Italian, Portuguese, Dutch, Polish; Japanese, Chinese, Korean.
    'lösch|entfern|abgemeld|ausgemuster|stillgeleg|supprim|effac|désinscri|elimin|borrad|rimoss|removid|excluíd|apagad|verwijder|gewist|usunię|wymaza',
    '削除|消去|ワイプ|登録解除|删除|擦除|抹除|삭제|초기화',
  ].join('|'),
);
/** A device did not leave, or its removal did not happen: `Not retired`, `Wipe cancelled`. */
export const NOT_LEFT =
  /^(?:not?|never)(?:yet|been)*(?:wip|retir|unenrol|deenrol|disenrol|delet|remov|decom|offb|revok|deact|archi|disow)|^nicht(?:gelösch|entfern|abgemeld)|^niet(?:verwijder|gewist)|cancel|reject|declin|abort|restor|abgebrochen|annul|キャンセル|取消|취소/;
/** They say that something is switched on, which is not that a device complies. */
export const SWITCHES: ReadonlySet<string> = new Set(names('on off enabled disabled notenabled'));

/** What a compliance state means. */
export interface Compliance {
  readonly compliant: boolean | null;
  /** It is in a grace period: compliant until its end. */
  readonly inGrace: boolean;
}

const state = (compliant: boolean | null, inGrace = false): Compliance => ({ compliant, inGrace });
/** The source says nothing about compliance. */
export const NO_COMPLIANCE = state(null);
export const NON_COMPLIANT = state(false);

/**
 * Words for compliance. Numbers are Graph's complianceState, which reports of Intune export without a language: 1 compliant, 2
 * noncompliant, 3 conflict, 4 error, 254 inGracePeriod, 255 configManager.
 * @see https://learn.microsoft.com/graph/api/resources/intune-devices-compliancestate
 */
export const COMPLIANCE = meanings<Compliance>(
  [
    state(true),
    `
  compliant true yes 1 konform kompatibel conforme conformé compatible 準拠 符合 합격 compatibel conform zgodne
  zgodny zgodna соответствует compatível compatibile emconformidade cumple voldoet incompliance 準拠している 合规 符合策略 준수
  kompatibelt kompatibilní vyhovující vyhovujícípředpisům vyhovujepředpisům dodržujepředpisy dodržujícípředpisy vsouladu
  vsouladuspředpisy uyumlu megfelelő megfelel overholder overholderangivnestandarder overholderstandarder
  overholderpolitikken isamsvar samsvarende overholderpolicyen 규정준수 준수함 규격 호환
`,
  ],
  [
    state(false),
    `
  noncompliant notcompliant outofcompliance false no 2 nichtkonform nichtkompatibel nonconforme noconforme
  nocompatible incompatible nietcompatibel nietconform niezgodne niezgodny niezgodna nãocompatível nãoconforme 非準拠
  不符合 несоответствует несоответствие noncompatible noncompatibile incompatível nãoestáemconformidade nocumple 準拠していない 不合规 비준수
  미준수 inkompatibel intekompatibel ejkompatibel ickekompatibel ikkekompatibel ikkekompatibelt nevyhovující uyumludeğil uyumsuz
  nemmegfelelő notincompliance nemfelelmeg nevyhovujícípředpisům nevyhovujepředpisům nedodržujepředpisy
  nedodržujícípředpisy nenívsouladu nenívsouladuspředpisy nekompatibilní uyumluolmayan overholderikke
  overholderikkeangivnestandarder overholderikkestandarder overholderikkepolitikken ikkeisamsvar ikkesamsvarende
  overholderikkepolicyen 비규격 규정미준수 규정을준수하지않음 準拠していません voldoetniet semconformidade 준수하지않음 비호환 호환되지않음
`,
  ],
  [
    state(true, true),
    `
  ingraceperiod graceperiod 254 intoleranzperiode innerhalbdertoleranzperiode indertoleranzperiode
  enpériodedegrâce dansledélaidegrâce enperíododegracia inrespijtperiode durantelapériodedegrâce
  neicosiperiododitolleranza imkulanzzeitraum danslapériodedegrâce nelperiododitolleranza inperiododitolleranza
  noperíododecortesia emperíododecortesia 猶予期間内 猶予期間中 在宽限期内 宽限期内 유예기간중 ianståndsperiod
  ihenstandsperiode ihenstandsperioden irespitperiode irespitperioden irespittperiode irespittperioden iutsettelsesperiode
  iutsettelsesperioden vobdobíodkladu türelmiidőszakban türelmiidőszak atürelmiidőszakban yetkisizkullanımsüresinde
  yetkisizkullanımdöneminde 유예기간 유예기간내 유예기간에있음
`,
  ],
  // Not evaluated, or contradictory: nobody may take it for compliant, and no other source is overruled by it.
  [
    NO_COMPLIANCE,
    `
  conflict 3 error 4 configmanager configmgr seeconfigmgr 255 unknown 0 notevaluated notavailable
  notapplicable pendingcompliancecheck pending pendingcompliance none nichtausgewertet nichtbewertet
  unbekannt nonévalué inconnu noevaluado desconocido fehler konflikt sinevaluar nonvalutato nietgeëvalueerd
  inteutvärderad ikkeevalueret ikkeevaluert nieoceniono nãoavaliado неоценено 未評価 未评估 평가되지않음 erreur errore fout
  gerätnichtsynchronisiert devicenotsynced ukendt ukjent fejl feil enhedikkesynkroniseret enhetikkesynkronisert enhetenerikkesynkronisert
  enhedenerikkesynkroniseret nevyhodnoceno nevyhodnocené neznámý neznámé chyba zařízenínenísynchronizované
  zařízenínenísynchronizováno nincskiértékelve nemkiértékelt nincsértékelve ismeretlen hiba ütközés azeszköznincsszinkronizálva
  değerlendirilmedi bilinmeyen bilinmiyor hata çakışma cihazeşitlenmedi 평가되지않았음 오류 충돌 디바이스동기화안됨 디바이스가동기화되지않음
`,
  ],
);

/** Words for storage that is encrypted, besides yes and no. */
export const ENCRYPTION = meanings<boolean>(
  [
    true,
    `
  encrypted fullyencrypted fullencryption encryptioncomplete verschlüsselt chiffré cifrado crittografato versleuteld krypterad krypteret
  kryptert šifrované šifrováno zašifrováno zašifrované titkosítva titkosított şifreli şifrelenmiş şifrelendi 암호화됨
`,
  ],
  [
    false,
    `
  notencrypted unencrypted partiallyencrypted unsupported notcapable nichtverschlüsselt nonchiffré sincifrar
  noncrittografato nietversleuteld ejkrypterad ikkekrypteret ikkekryptert nešifrované nešifrováno nezašifrováno
  nezašifrované nincstitkosítva nemtitkosított şifrelideğil şifrelenmemiş şifrelenmedi 암호화되지않음 암호화안됨
`,
  ],
);

/** Words for a device that is in device management, besides yes and no. */
export const MANAGEMENT = meanings<boolean>(
  [
    true,
    `
  managed enrolled verwaltet géré administrado gestionado gestito gerenciado gerido beheerd zarządzane zarządzany hanteras
  administreret administrert spravováno spravované kezelt yönetilen управляется 管理対象 管理済み 已托管 관리됨
`,
  ],
  [
    false,
    `
  nichtverwaltet unverwaltet nongéré noadministrado nogestionado nongestito nãogerenciado nãogerido nietbeheerd
  niezarządzane niezarządzany hanterasinte ikkeadministreret ikkeadministrert nespravováno nespravované nemkezelt
  yönetilmeyen неуправляется 管理対象外 未管理 未托管 관리되지않음
  unmanaged notmanaged removed unenrolled disenrolled notenrolled retired wiped deleted notregistered expired enrollmentexpired
  registrationexpired enrollmentpending pendingenrollment registrationpending pendingregistration verificationpending
`,
  ],
);

/** Words for a device that is jailbroken or rooted, besides yes and no. */
export const COMPROMISED = meanings<boolean>(
  [
    true,
    `
  jailbroken rooted compromised detected modified tampered iscompromised jailbreakdetected rootdetected compromisedetected
`,
  ],
  [
    false,
    `
  notjailbroken notrooted notcompromised uncompromised normal secure notdetected ok nocompromise nocompromisedetected
`,
  ],
);
