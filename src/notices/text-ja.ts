// Owns the Japanese texts of the quarantine message.
import type { LanguageSource } from './source.ts';

const returns = '完了すると、1 分以内にメールが自動的に再開されます。アカウントを削除する必要はありません。';
const contact =
  'ご不明な点はヘルプデスクにお問い合わせください。{{#helpContact}}{{helpContact}}{{/helpContact}}';
const of = '{{#organisation}}{{organisation}} の{{/organisation}}';
const enrol = 'このデバイスを登録する';
const manage = 'デバイス管理を開く';
const safe = 'メールはサーバーに安全に保管されています。';
const nextStep =
  '{{nextStep}} までに完了しない場合は、規則の次の段階に進みます。このデバイスでは、追加のお知らせなしにメールをまったく利用できなくなることがあります。';
const heldUntil = 'この保留は {{nextStep}} までです。その後、デバイスは自動的に再確認されます。';
const checkedBy = 'デバイスは遅くとも {{nextStep}} までに自動的に再確認されます。';

export const JAPANESE: LanguageSource = {
  headings: { steps: '必要な操作', details: 'ヘルプデスク用の情報' },
  reasons: {
    compliant: 'すべての要件を満たしています',
    notCompliant: '要件を満たしていません',
    notEnrolled: '未登録',
    unknownDevice: '未確認のデバイス',
    deviceRule: '許可されていない機種またはバージョン',
    individualRule: '管理者による保留',
    globalRule: '未承認',
    mailboxPolicy: 'メールボックスのモバイル ポリシー',
    compromised: 'セキュリティ上の問題',
    tooManyDevices: 'デバイス数の超過',
    storeUnavailable: '現在確認できません',
  },
  messages: {
    compliant: {
      subject: 'メールがまもなく届きます',
      happened: `このデバイスは${of}要件をすべて満たしています。メールを利用できます。`,
      steps: ['操作は必要ありません。'],
      link: '',
      returns: '1 分以内にメールが自動的に再開されます。アカウントを削除する必要はありません。',
      contact,
    },
    notCompliant: {
      subject: 'メールは保留中です：このデバイスをご確認ください',
      happened: `このデバイスは現在、${of}セキュリティ要件の一部を満たしていません。${safe}`,
      steps: [
        '満たしていない要件：{{requirement}}',
        'このデバイスでデバイス管理アプリを開き、表示される手順に従ってください。',
        '保留中の更新をインストールし、画面ロックが未設定の場合は設定してください。',
        'アプリでデバイスをもう一度確認してください。',
      ],
      link: manage,
      next: nextStep,
      returns,
      contact,
    },
    notEnrolled: {
      subject: 'メールを受信するには、このデバイスを登録してください',
      happened: `メールを受信できるのは、${of}デバイス管理に登録されたデバイスだけです。このデバイスはまだ登録されていません。${safe}`,
      steps: [
        '{{#enrolmentUrl}}下のリンクから、{{/enrolmentUrl}}このデバイスをデバイス管理に登録してください。',
        '最後まで手順に従い、表示される設定を許可してください。',
      ],
      link: enrol,
      returns,
      contact,
    },
    unknownDevice: {
      subject: 'このデバイスはまだ確認されていません',
      happened: `${of}デバイス管理に、このデバイスの情報がありません。新しいデバイスか、リセットされた可能性があります。${safe}`,
      steps: [
        '登録またはリセットした直後の場合は、デバイス管理アプリを開き、デバイスを確認してください。',
        'まだ登録していない場合は、{{#enrolmentUrl}}下のリンクから{{/enrolmentUrl}}このデバイスを登録してください。',
        'お心当たりのないデバイスの場合は、すぐにヘルプデスクに連絡してください。',
      ],
      link: enrol,
      next: checkedBy,
      returns,
      contact,
    },
    deviceRule: {
      subject: 'このデバイスは現在の状態ではメールに使用できません',
      happened: `この種類またはバージョンのデバイスやアプリ{{#model}}（{{model}}）{{/model}}は、${of}規則で許可されていません。${safe}`,
      steps: [
        '必要な条件：{{requirement}}',
        'OS とメール アプリの更新をすべてインストールしてください。',
        '保留が続く場合は、組織で許可されている別のデバイスまたはメール アプリを使用してください。',
      ],
      link: '',
      returns,
      contact,
    },
    individualRule: {
      subject: 'このデバイスのメールは保留されました',
      happened: `${of}管理者が、このデバイスのメールを保留しました。${safe}`,
      steps: ['ヘルプデスクに理由を確認し、保留の解除を依頼してください。'],
      link: '',
      next: heldUntil,
      returns:
        '保留が解除されると、1 分以内にメールが自動的に再開されます。アカウントを削除する必要はありません。',
      contact,
    },
    globalRule: {
      subject: 'このデバイスはメールの利用が承認されていません',
      happened: `${of}規則により、このデバイスでは現在メールを受信できません。${safe}`,
      steps: [
        '必要な条件：{{requirement}}',
        'ヘルプデスクに下記の情報を伝え、デバイスの承認を依頼してください。',
      ],
      link: '',
      returns:
        'デバイスが承認されると、1 分以内にメールが自動的に再開されます。アカウントを削除する必要はありません。',
      contact,
    },
    mailboxPolicy: {
      subject: 'このデバイスではメールボックスを利用できません',
      happened: `${of}モバイル ポリシーにより、このデバイスでのメールボックスの利用は許可されていません。${safe}`,
      steps: [
        '必要な条件：{{requirement}}',
        'デバイスでパスコードや暗号化を求められた場合は、同意してください。',
        '何も表示されない場合は、モバイル デバイスからの利用を許可するよう、ヘルプデスクに依頼してください。',
      ],
      link: '',
      returns,
      contact,
    },
    compromised: {
      subject: 'このデバイスにセキュリティ上の問題があります',
      happened: `このデバイスで、ジェイルブレイク、root 化、不正なソフトウェアなどのセキュリティ上の問題が検出されました。${of}データを保護するため、メールを保留しています。`,
      steps: [
        '満たしていない要件：{{requirement}}',
        '問題が解決するまで、このデバイスでパスワードを入力しないでください。',
        '別のデバイスから、すぐにヘルプデスクに連絡してください。',
        'デバイスを元のソフトウェアに復元してから、もう一度登録してください。',
      ],
      link: '',
      next: nextStep,
      returns,
      contact,
    },
    tooManyDevices: {
      subject: 'メールボックスを使用しているデバイスが多すぎます',
      happened: `メールボックスに接続しているデバイスの数が、${of}規則の上限を超えています。このデバイスは空きを待っています。${safe}`,
      steps: [
        '上限：{{requirement}}',
        '使わなくなったデバイスからメール アカウントを削除してください。',
        'そのデバイスを一覧から外すよう、ヘルプデスクに依頼してください。',
      ],
      link: '',
      returns,
      contact,
    },
    storeUnavailable: {
      subject: '現在、デバイスを確認できません',
      happened: `デバイスを確認する${of}システムに、現在接続できません。お使いのデバイスの問題ではありません。${safe}`,
      steps: ['操作は必要ありません。'],
      link: '',
      returns:
        'システムが復旧すると、1 分以内にメールが自動的に再開されます。アカウントを削除する必要はありません。',
      contact,
    },
  },
  details: [
    'ユーザー：{{user}}',
    'デバイス：{{device}}',
    '機種：{{model}}',
    '理由：{{reason}}',
    '保留の開始：{{since}}',
  ],
  footer: 'このメッセージは自動的に作成されました。返信いただいても確認できません。',
};
