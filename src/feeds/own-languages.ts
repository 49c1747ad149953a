// Owns the translation of column names from other languages to the English names that mappings/own.ts reads, and other mappings whose products
// export in several languages. Pure.
// Rule: only for tables whose names belong to no product. A name with two meanings is not listed.
import * as intune from './mappings/intune-columns.ts';
import { fieldName } from './row.ts';
import { meanings } from './word-lists.ts';

/** Names of a column of Intune in other languages: `listed` without those that match `english`. */
const foreign = (listed: readonly string[], english: RegExp): string =>
  listed.filter((name) => !english.test(name)).join(' ');

const ENGLISH = meanings<string>(
  [
    'easid',
    `
  ideas iddeas iddeeas iddappareileas iddeldispositivoeas iddispositivoeas idapparaateas easkennung gerätekennungeas geräteideas easgeräteid easgerätekennung identifianteas identificadoreas identificadordeeas
  identificativoeas identyfikatoreas easapparaatid easenhetsid easenhedsid easデバイスid
  ${foreign(intune.EAS_ID, /^eas(?:activation|device)?id$/)}
`,
  ],
  [
    'activesyncid',
    `
  idactivesync iddactivesync iddeactivesync activesynckennung activesyncgeräteid activesyncgerätekennung
  identifiantactivesync identificadoractivesync identyfikatoractivesync activesyncapparaatid activesyncデバイスid
`,
  ],
  ['deviceid', foreign(intune.DEVICE_ID, /^(?:intunedeviceid|deviceid|id)$/)],
  ['devicename', foreign(intune.DEVICE_NAME, /^devicename$/)],
  ['serialnumber', foreign(intune.SERIAL_NUMBER, /^serialnumber$/)],
  [
    'managed',
    `
  verwaltet géré gérée administrado gestionado gestito gestita gerenciado gerido beheerd zarządzane zarządzany hanterad
  hanteras administreret administrert spravováno spravované spravovaný felügyelt kezelt yönetilen управляется 管理対象 管理済み
  受管理 已托管 관리됨
`,
  ],
  [
    'enrollmentstatus',
    `
  registrierungsstatus anmeldestatus étatdelinscription statutdelinscription statutdenrôlement étatdenrôlement statutdinscription
  estadodeinscripción estadodelainscripción statoregistrazione statodiregistrazione inschrijvingsstatus registratiestatus
  statusdoregistro statusrejestracji 加入状態 登録状態 注册状态 등록상태
`,
  ],
  [
    'compliant',
    `
  konform richtlinienkonform regelkonform conforme cumple emconformidade conform voldoet zgodne zgodny zgodna överensstämmer
  vyhovující megfelelő uyumlu соответствует 準拠 準拠している 合规 준수
`,
  ],
  [
    'compliance',
    `
  konformität konformitätsstatus compliancestatus statutdeconformité étatdeconformité estadodecumplimiento estadodeconformidad
  statodiconformità nalevingsstatus statusdeconformidade statuszgodności コンプライアンス状態 合规状态 규정준수상태 conformité cumplimiento conformità conformidade naleving zgodność efterlevnad
  overholdelse samsvar megfelelőség uyumluluk コンプライアンス 合规性
`,
  ],
  [
    'noncompliant',
    'nichtkonform nonconforme noconforme nãoconforme nietconform niezgodne niezgodny 非準拠 不合规 비준수',
  ],
  [
    'quarantined',
    'inquarantäne unterquarantäne enquarantaine encuarentena inquarantena emquarentena inquarantaine',
  ],
  ['blocked', 'gesperrt blockiert bloqué bloqueado bloccato geblokkeerd zablokowane zablokowany'],
  [
    'deleted',
    'gelöscht supprimé eliminado excluído eliminato verwijderd usunięte usunięty 削除済み 已删除 삭제됨',
  ],
  ['unenrolled', 'abgemeldet désinscrit'],
  ['encrypted', foreign(intune.ENCRYPTED, /^(?:is)?encrypt/)],
  ['jailbroken', foreign(intune.JAILBROKEN, /^jailbroken/)],
  ['rooted', 'gerootet rooté rooteado'],
  [
    'compromised',
    'kompromittiert kompromittiertstatus kompromittierungsstatus statutcompromis étatcompromis compromis comprometido compromesso gecompromitteerd 侵害',
  ],
  [
    'operatingsystem',
    'betriebssystem systèmedexploitation sistemaoperativo besturingssysteem systemoperacyjny sistemaoperacional オペレーティングシステム',
  ],
  ['platform', 'plattform plateforme plataforma piattaforma platforma プラットフォーム 平台 플랫폼'],
  ['owner', 'besitzer inhaber propriétaire propietario proprietario eigenaar właściciel'],
  ['ownership', `eigentümerschaft ${foreign(intune.OWNERSHIP, /^owner/)}`],
  [
    'osversion',
    'bsversion versiondelos versiondeos versióndelso versióndeso ' +
      foreign(intune.OS_VERSION, /^osversion$/),
  ],
  ['model', foreign(intune.MODEL, /model$/)],
  ['manufacturer', foreign(intune.MANUFACTURER, /^manufacturer$/)],
  [
    'lastseen',
    `
  zuletztgesehen zuletztangezeigt dernièrevisite dernièreapparition vudernièrement vupourladernièrefois últimavezvisto vistoporúltimavez
  ultimavisualizzazione laatstgezien vistopelaúltimavez ostatniowidziano 最終確認日時 上次查看时间 마지막확인
`,
  ],
  ['lastcheckin', foreign(intune.LAST_CHECK_IN, /^last[cs]/)],
  ['upn', foreign(intune.OWNER, /^(?:primaryuserupn|upn|userprincipalname)$/)],
  [
    'email',
    `
  emailadresse mailadresse courriel adresseemail adressemail adressedemessagerie correo correoelectrónico
  indirizzoemail indirizzodipostaelettronica emailadres adresemail メールアドレス 邮箱 이메일
`,
  ],
  [
    'user',
    `
  benutzer benutzername nutzer anwender utilisateur nomdutilisateur usuario nombredeusuario utente nomeutente usuário
  nomedeusuário utilizador gebruiker gebruikersnaam użytkownik nazwaużytkownika användare användarnamn bruger brugernavn
  bruker brukernavn uživatel felhasználó kullanıcı пользователь ユーザー ユーザー名 用户 用户名 사용자
`,
  ],
);

/** The English name of a column; an unknown name is returned unchanged. */
export function inEnglish(written: string): string {
  return ENGLISH.get(fieldName(written)) ?? written;
}
