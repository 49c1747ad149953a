// Owns the French texts of the quarantine message.
import type { LanguageSource } from './source.ts';

const returns =
  'Dès que c’est fait, vos messages reviennent d’eux-mêmes en moins d’une minute. Il n’est pas nécessaire de supprimer le compte.';
const contact =
  'Des questions ? Votre service d’assistance est là pour vous aider.{{#helpContact}} {{helpContact}}{{/helpContact}}';
const by = '{{#organisation}} ({{organisation}}){{/organisation}}';
const enrol = 'Inscrire cet appareil';
const manage = 'Ouvrir la gestion des appareils';
const safe = 'Vos messages restent en sécurité sur le serveur.';
const nextStep =
  'Si ce n’est pas fait avant le {{nextStep}}, l’étape suivante des règles s’applique : cet appareil peut perdre tout accès à la messagerie, sans autre message.';
const heldUntil =
  'Cela vaut jusqu’au {{nextStep}}. Ensuite, l’appareil est vérifié à nouveau automatiquement.';
const checkedBy = 'L’appareil est vérifié à nouveau automatiquement, au plus tard le {{nextStep}}.';

export const FRENCH: LanguageSource = {
  headings: { steps: 'Que faire', details: 'Informations pour l’assistance' },
  reasons: {
    compliant: 'toutes les exigences sont remplies',
    notCompliant: 'exigences non remplies',
    notEnrolled: 'appareil non inscrit',
    unknownDevice: 'appareil encore inconnu',
    deviceRule: 'type ou version d’appareil non autorisé',
    individualRule: 'suspendu par un administrateur',
    globalRule: 'appareil non approuvé',
    mailboxPolicy: 'règles mobiles de la boîte aux lettres',
    compromised: 'problème de sécurité',
    tooManyDevices: 'trop d’appareils',
    storeUnavailable: 'vérification impossible pour le moment',
  },
  messages: {
    compliant: {
      subject: 'Vos messages arrivent',
      happened: `Cet appareil remplit toutes les exigences de votre organisation${by}. L’accès à votre messagerie est ouvert.`,
      steps: ['Vous n’avez rien à faire.'],
      link: '',
      returns:
        'Vos messages reviennent d’eux-mêmes en moins d’une minute. Il n’est pas nécessaire de supprimer le compte.',
      contact,
    },
    notCompliant: {
      subject: 'Messagerie suspendue : cet appareil demande votre attention',
      happened: `Cet appareil ne remplit pas toutes les exigences de sécurité de votre organisation${by} pour le moment. ${safe}`,
      steps: [
        'Il manque : {{requirement}}',
        'Ouvrez l’application de gestion des appareils sur cet appareil et suivez ses instructions.',
        'Installez les mises à jour en attente et définissez un verrouillage de l’écran s’il n’y en a pas.',
        'Relancez la vérification de l’appareil dans l’application.',
      ],
      link: manage,
      next: nextStep,
      returns,
      contact,
    },
    notEnrolled: {
      subject: 'Inscrivez cet appareil pour recevoir vos messages',
      happened: `Seuls les appareils inscrits dans la gestion des appareils de votre organisation${by} peuvent relever la messagerie. Celui-ci ne l’est pas encore. ${safe}`,
      steps: [
        'Inscrivez cet appareil dans la gestion des appareils{{#enrolmentUrl}} avec le lien ci-dessous{{/enrolmentUrl}}.',
        'Suivez les instructions jusqu’au bout et acceptez les réglages proposés.',
      ],
      link: enrol,
      returns,
      contact,
    },
    unknownDevice: {
      subject: 'Nous ne connaissons pas encore cet appareil',
      happened: `La gestion des appareils de votre organisation${by} ne connaît pas cet appareil : il est peut-être nouveau ou a été réinitialisé. ${safe}`,
      steps: [
        'Il vient d’être inscrit ou réinitialisé ? Ouvrez l’application de gestion des appareils et lancez la vérification.',
        'Il n’est pas encore inscrit ? Inscrivez-le{{#enrolmentUrl}} avec le lien ci-dessous{{/enrolmentUrl}}.',
        'Si cet appareil n’est pas le vôtre, prévenez immédiatement votre service d’assistance.',
      ],
      link: enrol,
      next: checkedBy,
      returns,
      contact,
    },
    deviceRule: {
      subject: 'Cet appareil ne peut pas être utilisé tel quel pour la messagerie',
      happened: `Les appareils ou applications de ce type ou de cette version{{#model}} ({{model}}){{/model}} ne sont pas autorisés par votre organisation${by}. ${safe}`,
      steps: [
        'Exigence : {{requirement}}',
        'Installez toutes les mises à jour du système et de l’application de messagerie.',
        'Toujours suspendu ? Utilisez un autre appareil ou une autre application autorisés par votre organisation.',
      ],
      link: '',
      returns,
      contact,
    },
    individualRule: {
      subject: 'La messagerie de cet appareil a été suspendue',
      happened: `Un administrateur de votre organisation${by} a suspendu la messagerie sur cet appareil. ${safe}`,
      steps: ['Demandez-en la raison à votre service d’assistance, qui pourra faire lever la suspension.'],
      link: '',
      next: heldUntil,
      returns:
        'Dès que la suspension est levée, vos messages reviennent d’eux-mêmes en moins d’une minute. Il n’est pas nécessaire de supprimer le compte.',
      contact,
    },
    globalRule: {
      subject: 'Cet appareil n’est pas approuvé pour la messagerie',
      happened: `Les règles de votre organisation${by} ne permettent pas à cet appareil de relever la messagerie pour le moment. ${safe}`,
      steps: [
        'Exigence : {{requirement}}',
        'Demandez à votre service d’assistance d’approuver l’appareil et transmettez-lui les informations ci-dessous.',
      ],
      link: '',
      returns:
        'Dès que l’appareil est approuvé, vos messages reviennent d’eux-mêmes en moins d’une minute. Il n’est pas nécessaire de supprimer le compte.',
      contact,
    },
    mailboxPolicy: {
      subject: 'Votre boîte aux lettres n’est pas ouverte à cet appareil',
      happened: `Les règles mobiles de votre boîte aux lettres, fixées par votre organisation${by}, n’autorisent pas cet appareil. ${safe}`,
      steps: [
        'Exigence : {{requirement}}',
        'Si l’appareil demande un code ou le chiffrement, acceptez.',
        'Il ne demande rien ? Faites ouvrir la boîte aux lettres aux appareils mobiles par votre service d’assistance.',
      ],
      link: '',
      returns,
      contact,
    },
    compromised: {
      subject: 'Problème de sécurité sur cet appareil',
      happened: `Un problème de sécurité a été détecté sur cet appareil, par exemple un débridage (jailbreak), un accès root ou un logiciel malveillant. Pour protéger les données de votre organisation${by}, la messagerie est suspendue.`,
      steps: [
        'Exigence non remplie : {{requirement}}',
        'Ne saisissez aucun mot de passe sur cet appareil tant que le problème n’est pas résolu.',
        'Prévenez immédiatement votre service d’assistance, depuis un autre appareil.',
        'Rétablissez le logiciel d’origine de l’appareil, puis inscrivez-le de nouveau.',
      ],
      link: '',
      next: nextStep,
      returns,
      contact,
    },
    tooManyDevices: {
      subject: 'Trop d’appareils utilisent votre boîte aux lettres',
      happened: `Plus d’appareils sont connectés à votre boîte aux lettres que votre organisation${by} ne le permet. Celui-ci attend une place libre. ${safe}`,
      steps: [
        'Limite : {{requirement}}',
        'Supprimez le compte de messagerie d’un appareil que vous n’utilisez plus.',
        'Demandez à votre service d’assistance de retirer cet ancien appareil de la liste.',
      ],
      link: '',
      returns,
      contact,
    },
    storeUnavailable: {
      subject: 'Votre appareil ne peut pas être vérifié pour le moment',
      happened: `Le système de votre organisation${by} qui vérifie les appareils est injoignable pour le moment. Vous n’y êtes pour rien. ${safe}`,
      steps: ['Vous n’avez rien à faire.'],
      link: '',
      returns:
        'Dès que le système répond de nouveau, vos messages reviennent d’eux-mêmes en moins d’une minute. Il n’est pas nécessaire de supprimer le compte.',
      contact,
    },
  },
  details: [
    'Utilisateur : {{user}}',
    'Appareil : {{device}}',
    'Modèle : {{model}}',
    'Raison : {{reason}}',
    'Suspendu depuis : {{since}}',
  ],
  footer: 'Ce message a été rédigé automatiquement. Les réponses ne sont pas lues.',
};
