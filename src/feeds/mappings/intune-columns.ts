// Owns the names of the columns of Intune's device reports, in the form in which names compare (row.ts, fieldName): exportJobs write them
// in English, the admin centre in the language of the administrator. Pure.
// @see https://learn.microsoft.com/intune/device-management/reports/ref-graph-available-reports (DevicesWithInventory)
// @see https://learn.microsoft.com/intune/remote-actions/device-inventory (in the languages of the admin centre)
import { names } from '../word-lists.ts';
import { localized } from './microsoft.ts';

/** The Exchange ActiveSync id. No other product has these names. */
export const EAS_ID = names(`
  easactivationid easid easdeviceid easaktivierungsid iddactivationeas iddeactivacióndeeas iddeactivacióneas
  iddiattivazioneeas idattivazioneeas activeringsidvooreas easactiveringsid aktiveringsidföreas easaktiveringsid
  identyfikatoraktywacjiprogramueas identyfikatoraktywacjieas iddeativaçãodoeas iddeativaçãoeas
  идентификаторактивацииeas easアクティブ化id easアクティベーションid eas激活id eas활성화id idforeasaktivering idtileasaktivering
  idaktivaceeas idaktivaceprotokolueas easaktiválásiazonosító easaktiválásazonosítója easetkinleştirmekimliği
  easetkinleştirmeid
`);

/** The user name of the owner. */
export const OWNER = names(`
  primaryuserupn upn userprincipalname upndesprimärenbenutzers primärerbenutzerupn benutzerprinzipalname
  upndelutilisateurprincipal upndutilisateurprincipal nomdutilisateurprincipal upndelusuarioprincipal upndeusuarioprincipal
  nombreprincipaldeusuario upnutenteprimario upndellutenteprimario nomeentitàutente upnvanprimairegebruiker
  upnvandeprimairegebruiker primairegebruikerupn upnfördenprimäraanvändaren primäranvändareupn
  nazwaupnużytkownikapodstawowego upndousuárioprimário upndousuárioprincipal upndoutilizadorprimário
  основнойпользовательupn プライマリユーザーupn プライマリユーザーのupn 主要用户upn 主用户upn 기본사용자upn 기본사용자의upn 사용자계정이름
  primærbrugerupn primærbrugersupn upnforprimærbruger upnfordenprimærebruger brugerensprincipalnavn brugerhovednavn
  primærbrukerupn primærbrukersupn upnforprimærbruker upnforhovedbruker brukerhovednavn
  primárníuživatelupn upnprimárníhouživatele hlavníuživatelupn hlavnínázevuživatele elsődlegesfelhasználóupn
  elsődlegesfelhasználóupnje elsődlegesfelhasználóegyszerűneve egyszerűfelhasználónév birincilkullanıcıupn
  birincilkullanıcıupnsi birincilkullanıcınınupnsi kullanıcıasıladı
`);

/** The mail address of the owner. */
export const OWNER_MAIL = names(`
  primaryuseremailaddress useremail primaryuseremail emailaddress emailadressedesprimärenbenutzers
  primärerbenutzeremailadresse adresseemaildelutilisateurprincipal direccióndecorreoelectrónicodelusuarioprincipal
  indirizzoemaildellutenteprimario primærbrugersmailadresse primærbrugermailadresse primærbrugeremailadresse
  mailadressepåprimærbruger primærbrukersepostadresse epostadressetilprimærbruker primærbrukerepostadresse
  emailováadresaprimárníhouživatele elsődlegesfelhasználóemailcíme
  birincilkullanıcıepostaadresi birincilkullanıcınınepostaadresi 기본사용자전자메일주소 기본사용자이메일주소
`);

export const DEVICE_ID = names(`
  intunedeviceid deviceid id geräteid intunegeräteid iddappareil iddelappareil iddappareilintune iddedispositivo
  iddeldispositivo identificadordedispositivodeintune iddispositivo iddispositivodiintune apparaatid intuneapparaatid
  enhetsid idförintuneenhet identyfikatorurządzenia identyfikatorurządzeniausługiintune iddodispositivo
  идентификаторустройства идентификаторустройстваintune デバイスid intuneデバイスid 设备id intune设备id 디바이스id intune디바이스id 장치id
  enhedsid enhedid intuneenhedsid enhetid intuneenhetsid idzařízení idzařízeníintune eszközazonosító
  intuneeszközazonosító cihazkimliği intunecihazkimliği
`);

export const SERIAL_NUMBER = names(`
  serialnumber seriennummer numérodesérie númerodeserie numerodiserie serienummer numerseryjny númerodesérie
  серийныйномер シリアル番号 序列号 序號 일련번호 sériovéčíslo sorozatszám serinumarası
`);

export const LAST_CHECK_IN = names(`
  lastcheckin lastcontact lastcontactutc lastsyncdatetime lastcheckindate letztescheckin letztereinchecken
  letzteseinchecken letztercheckin letzterkontakt dernierarchivage dernièreconnexion derniercontact
  dernièresynchronisation últimocontacto últimaconexión últimasincronización últimocheckin ultimocontatto
  ultimaarchiviazione ultimasincronizzazione laatstecontact laatstekeeringecheckt laatsteincheck laatstecheckin ultimocheckin derniercheckin dernièrevérification
  últimacomprobación últimasincronização últimaverificação senastekontakt
  senasteincheckning ostatnikontakt ostatniezaewidencjonowanie últimocontato последнийконтакт
  последняясинхронизация 最終接続日時 最後接続日時 最終チェックイン 上次联系 上次签入 上次签入时间 마지막체크인 마지막연결 마지막접속
  senesteindtjekning senestecheckin sidstecheckin sidstekontakt senestekontakt senesteindchecking sisteinnsjekking
  sistinnsjekket sistinnsjekk sistekontakt sistkontakt sisteinnsjekk posledníkontakt poslednívrácenísezměnami
  posledníohlášení 前回のチェックイン posledníohlášeníse poslednísynchronizace utolsókapcsolat utolsóbejelentkezés legutóbbibejelentkezés
  utolsóbeadás soniletişim soniade soniadetarihi sondenetim soncheckin soneşitleme
`);

export const GRACE = names(`
  compliancegraceperiodexpiration ingraceperioduntil ingraceperioduntilutc
  compliancegraceperiodexpirationdatetime ablaufdertoleranzperiode ablaufderkonformitätstoleranzperiode
  ablaufderkarenzzeitfürkonformität expirationdelapériodedegrâcedeconformité
  expiracióndelperíododegraciadecumplimiento udløbafhenstandsperiodeforoverholdelse udløbafrespitperiodeforoverholdelse
  utløpavrespittperiodeforsamsvar utløpavutsettelsesperiodeforsamsvar vypršeníobdobíodkladu
  vypršeníobdobíodkladudodržovánípředpisů konecobdobíodkladudodržovánípředpisů megfelelőségitürelmiidőszaklejárata
  megfelelőségitürelmiidőszakvége uyumlulukyetkisizkullanımsüresisonu uyumlulukyetkisizkullanımsüresininsonu
  uyumlulukyetkisizkullanımsüresibitişi 규정준수유예기간만료 준수유예기간만료
`);

/** Beside each may be `NAME_loc`, a text in the language of the export. */
export const COMPLIANCE = localized(
  ...names(`
  compliance compliantstate compliancestate compliancestatus konformität kompatibilität konformitätsstatus compatibilité conformité
  cumplimiento conformidad conformità naleving compatibiliteit efterlevnad kompatibilitet zgodność conformidade
  соответствиетребованиям соответствие コンプライアンス 合规性 符合性 규정준수 준수 준수상태 규정준수상태 overholdelse
  overholdelsesstatus overholdelseafangivnestandarder overholdelseafstandarder kompatibilitetsstatus samsvar samsvarsstatus
  etterlevelse dodržovánípředpisů stavdodržovánípředpisů megfelelőség megfelelőségiállapot uyumluluk uyumlulukdurumu
`),
);

export const MANAGEMENT = {
  agent: names(`
    managementagentloc managementagent managementagentsloc managementagents managedby verwaltetvon gérépar
    administradopor gestionadopor gestitoda beheerddoor hanterasav zarządzaneprzez gerenciadopor geridopor
    управляется 管理者 管理元 托管者 托管方 관리자 관리주체 administreretaf administreresaf administrertav administreresav
    behandletav behandlesav spravuje spravováno spravovánopomocí spravovánokým kezelő felügyelő kezeli felügyeli yöneten
    yönetenöğe
  `),
  state: names(`
    managementstateloc managementstate devicestate gerätestatus gerätezustand étatdelappareil estadodeldispositivo
    statodispositivo statodeldispositivo apparaatstatus enhetstillstånd enhetsstatus stanurządzenia
    estadododispositivo состояниеустройства デバイスの状態 设备状态 디바이스상태 장치상태 enhedsstatus enhedstilstand
    enhedenstilstand enhetstilstand stavzařízení eszközállapot eszközállapota azeszközállapota cihazdurumu
  `),
  registration: names(`
    deviceregistrationstateloc deviceregistrationstate intuneregistered fürintuneregistriert beiintuneregistriert
    intuneregistriert inscritdansintune inscritàintune registradoenintune registratoinintune intunegeregistreerd
    intuneregistrerad registradonointune intuneregistado зарегистрированоintune зарегистрировановintune intune登録済み
    已注册intune intune已注册 intune등록됨 intune에등록됨 intuneregistreret registreretiintune tilmeldtintune intuneregistrert
    registrertiintune intunejezaregistrované zaregistrovánovintune registrovánovintune intuneregisztrálva
    regisztrálvaazintuneban azintunebanregisztrálva intunekayıtlı intuneakayıtlı
  `),
} as const;

export const ENCRYPTED = names(`
  encrypted isencrypted encryptionstatusstring encryptionstatus verschlüsselt chiffré cifrado crittografato
  versleuteld krypterad zaszyfrowane encriptado criptografado сшифрованием зашифровано 暗号化 暗号化済み 已加密 암호화됨
  krypteret kryptert šifrované šifrováno zašifrováno zašifrované titkosítva titkosított şifreli şifrelenmiş
`);

export const JAILBROKEN = [
  ...localized('jailbroken'),
  ...names(`
    jailbreak mitjailbreak jailbreaké débridé conjailbreak liberado gejailbreakt jailbreakad zjailbreakiem
    desbloqueado 脱獄 脱獄済み 已越狱 탈옥됨 탈옥 무단해제 무단해제됨 medjailbreak jailbreaket jailbreakade sjailbreakem jailbreakelt
    jailbreakuygulanmış jailbreakyapılmış jailbreakli perjailbreakmanipuliert
  `),
];

export const SYSTEM = [
  ...localized('os', 'operatingsystem'),
  ...names(`
    betriebssystem systèmedexploitation sistemaoperativo besturingssysteem operativsystem systemoperacyjny
    sistemaoperacional операционнаясистема ос オペレーティングシステム 操作系统 운영체제 operačnísystém operációsrendszer
    işletimsistemi
    platform osdescription
  `),
  ...localized('devicetype'),
];

export const OS_VERSION = names(`
  osversion betriebssystemversion versiondusystèmedexploitation versiondos versióndelsistemaoperativo
  versionedelsistemaoperativo versievanbesturingssysteem besturingssysteemversie operativsystemversion
  wersjasystemuoperacyjnego versãodosistemaoperacional versãodosistemaoperativo версияоперационнойсистемы версияос
  osバージョン osのバージョン 操作系统版本 os版本 os버전 운영체제버전 operativsystemversjon operativsystemetsversion osversjon
  verzeoperačníhosystému verzeos operációsrendszerverziója operációsrendszerverzió azoperációsrendszerverziója
  işletimsistemisürümü ossürümü
`);

export const MODEL = names(`
  model devicemodel modell modèle modelo modello модель モデル 型号 모델
`);

export const MANUFACTURER = names(`
  manufacturer hersteller fabricant fabricante produttore fabrikant tillverkare producent изготовитель 製造元 制造商 제조업체
  제조사 produsent výrobce gyártó üretici
`);

export const OWNERSHIP = [
  ...localized('ownership', 'ownertype'),
  ...names(
    `
    besitz propriété propiedad proprietà eigendom ägarskap własność propriedade владение 所有権 所有权 소유권 ejerskab ejerforhold
    ejertype eierskap eiertype vlastnictví tulajdonjog tulajdonlás sahiplik
`,
  ),
];

export const DEVICE_NAME = names(`
  devicename gerätename nomdelappareil nombredeldispositivo nombrededispositivo nomedispositivo nomedeldispositivo
  apparaatnaam enhetsnamn nazwaurządzenia nomedodispositivo имяустройства デバイス名 设备名称 디바이스이름 장치이름 enhedsnavn
  enhetsnavn názevzařízení eszköznév eszközneve azeszközneve cihazadı
`);

export const SUPERVISED = names(`
  supervised issupervised überwacht supervisé supervisado supervisionado ondersupervisie övervakas nadzorowane
  overvåget undertilsyn overvåket poddohledem felügyelt denetimli 감독됨
`);
