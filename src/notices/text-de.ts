// Owns the German texts of the quarantine message.
import type { LanguageSource } from './source.ts';

const returns =
  'Sobald das erledigt ist, kommen Ihre E-Mails innerhalb einer Minute von selbst zurück. Sie müssen das Konto nicht entfernen.';
const contact = 'Fragen? Ihr Helpdesk hilft Ihnen gern.{{#helpContact}} {{helpContact}}{{/helpContact}}';
const of = '{{#organisation}} von {{organisation}}{{/organisation}}';
const enrol = 'Dieses Gerät registrieren';
const manage = 'Geräteverwaltung öffnen';
const safe = 'Ihre E-Mails bleiben sicher auf dem Server.';
const nextStep =
  'Nicht erledigt bis zum {{nextStep}}? Dann folgt der nächste Schritt der Regeln: Dieses Gerät kann den Zugang zu E-Mails ganz verlieren, ohne weitere Nachricht.';
const heldUntil = 'Das gilt bis zum {{nextStep}}. Danach wird das Gerät von selbst erneut geprüft.';
const checkedBy = 'Das Gerät wird von selbst erneut geprüft, spätestens am {{nextStep}}.';

export const GERMAN: LanguageSource = {
  headings: { steps: 'Was Sie tun können', details: 'Angaben für den Helpdesk' },
  reasons: {
    compliant: 'erfüllt alle Anforderungen',
    notCompliant: 'Anforderungen nicht erfüllt',
    notEnrolled: 'nicht registriert',
    unknownDevice: 'noch nicht bekannt',
    deviceRule: 'Gerätetyp oder Version nicht zugelassen',
    individualRule: 'von der Administration angehalten',
    globalRule: 'nicht freigegeben',
    mailboxPolicy: 'Mobilrichtlinie des Postfachs',
    compromised: 'Sicherheitsproblem',
    tooManyDevices: 'zu viele Geräte',
    storeUnavailable: 'Prüfung zurzeit nicht möglich',
  },
  messages: {
    compliant: {
      subject: 'Ihre E-Mails sind unterwegs',
      happened: `Dieses Gerät erfüllt alle Anforderungen${of}. Der Zugang zu Ihren E-Mails ist frei.`,
      steps: ['Sie müssen nichts tun.'],
      link: '',
      returns:
        'Ihre E-Mails kommen innerhalb einer Minute von selbst zurück. Sie müssen das Konto nicht entfernen.',
      contact,
    },
    notCompliant: {
      subject: 'E-Mails angehalten: Bitte prüfen Sie dieses Gerät',
      happened: `Dieses Gerät erfüllt zurzeit nicht alle Sicherheitsanforderungen${of}. ${safe}`,
      steps: [
        'Das fehlt: {{requirement}}',
        'Öffnen Sie auf diesem Gerät die App der Geräteverwaltung und folgen Sie ihren Anweisungen.',
        'Installieren Sie ausstehende Updates und richten Sie eine Bildschirmsperre ein, falls keine besteht.',
        'Lassen Sie das Gerät in der App erneut prüfen.',
      ],
      link: manage,
      next: nextStep,
      returns,
      contact,
    },
    notEnrolled: {
      subject: 'Registrieren Sie dieses Gerät, um Ihre E-Mails zu erhalten',
      happened: `Nur Geräte in der Geräteverwaltung${of} dürfen E-Mails abrufen. Dieses Gerät ist noch nicht registriert. ${safe}`,
      steps: [
        'Registrieren Sie dieses Gerät in der Geräteverwaltung{{#enrolmentUrl}} über den Link unten{{/enrolmentUrl}}.',
        'Folgen Sie den Anweisungen bis zum Ende und lassen Sie die angebotenen Einstellungen zu.',
      ],
      link: enrol,
      returns,
      contact,
    },
    unknownDevice: {
      subject: 'Dieses Gerät kennen wir noch nicht',
      happened: `Die Geräteverwaltung${of} kennt dieses Gerät nicht: Vielleicht ist es neu oder wurde zurückgesetzt. ${safe}`,
      steps: [
        'Gerade registriert oder zurückgesetzt? Öffnen Sie die App der Geräteverwaltung und lassen Sie das Gerät prüfen.',
        'Noch nicht registriert? Registrieren Sie dieses Gerät{{#enrolmentUrl}} über den Link unten{{/enrolmentUrl}}.',
        'Ist es nicht Ihr Gerät, melden Sie das bitte sofort Ihrem Helpdesk.',
      ],
      link: enrol,
      next: checkedBy,
      returns,
      contact,
    },
    deviceRule: {
      subject: 'Dieses Gerät kann so nicht für E-Mails genutzt werden',
      happened: `Geräte oder Apps dieser Art oder Version{{#model}} ({{model}}){{/model}} sind nach den Regeln${of} nicht zugelassen. ${safe}`,
      steps: [
        'Erforderlich: {{requirement}}',
        'Installieren Sie alle Updates des Betriebssystems und der Mail-App.',
        'Weiterhin angehalten? Verwenden Sie ein anderes Gerät oder eine andere Mail-App, die bei Ihnen zugelassen ist.',
      ],
      link: '',
      returns,
      contact,
    },
    individualRule: {
      subject: 'E-Mails auf diesem Gerät wurden angehalten',
      happened: `Die Administration${of} hat den E-Mail-Abruf für dieses Gerät angehalten. ${safe}`,
      steps: ['Fragen Sie Ihren Helpdesk nach dem Grund und lassen Sie das Gerät freigeben.'],
      link: '',
      next: heldUntil,
      returns:
        'Sobald das Gerät freigegeben ist, kommen Ihre E-Mails innerhalb einer Minute von selbst zurück. Sie müssen das Konto nicht entfernen.',
      contact,
    },
    globalRule: {
      subject: 'Dieses Gerät ist nicht für E-Mails freigegeben',
      happened: `Nach den Regeln${of} darf dieses Gerät zurzeit keine E-Mails abrufen. ${safe}`,
      steps: [
        'Erforderlich: {{requirement}}',
        'Bitten Sie Ihren Helpdesk um die Freigabe und nennen Sie die Angaben unten.',
      ],
      link: '',
      returns:
        'Sobald das Gerät freigegeben ist, kommen Ihre E-Mails innerhalb einer Minute von selbst zurück. Sie müssen das Konto nicht entfernen.',
      contact,
    },
    mailboxPolicy: {
      subject: 'Ihr Postfach ist für dieses Gerät nicht geöffnet',
      happened: `Die Mobilrichtlinie${of} für Ihr Postfach lässt dieses Gerät nicht zu. ${safe}`,
      steps: [
        'Erforderlich: {{requirement}}',
        'Wenn das Gerät einen Code oder die Verschlüsselung verlangt, stimmen Sie bitte zu.',
        'Es fragt nichts? Lassen Sie das Postfach vom Helpdesk für Mobilgeräte öffnen.',
      ],
      link: '',
      returns,
      contact,
    },
    compromised: {
      subject: 'Sicherheitsproblem auf diesem Gerät',
      happened: `Auf diesem Gerät wurde ein Sicherheitsproblem gefunden, etwa ein Jailbreak, Root-Zugriff oder Schadsoftware. Zum Schutz der Daten${of} sind Ihre E-Mails angehalten.`,
      steps: [
        'Nicht erfüllte Anforderung: {{requirement}}',
        'Geben Sie auf diesem Gerät kein Kennwort ein, bis das Problem gelöst ist.',
        'Melden Sie das sofort Ihrem Helpdesk, von einem anderen Gerät aus.',
        'Stellen Sie die Originalsoftware des Geräts wieder her und registrieren Sie es dann neu.',
      ],
      link: '',
      next: nextStep,
      returns,
      contact,
    },
    tooManyDevices: {
      subject: 'Zu viele Geräte nutzen Ihr Postfach',
      happened: `Mit Ihrem Postfach sind mehr Geräte verbunden, als die Regeln${of} zulassen. Dieses Gerät wartet auf einen freien Platz. ${safe}`,
      steps: [
        'Zulässig: {{requirement}}',
        'Entfernen Sie das E-Mail-Konto von einem Gerät, das Sie nicht mehr nutzen.',
        'Bitten Sie Ihren Helpdesk, jenes Gerät aus der Liste zu nehmen.',
      ],
      link: '',
      returns,
      contact,
    },
    storeUnavailable: {
      subject: 'Ihr Gerät kann zurzeit nicht geprüft werden',
      happened: `Das System${of}, das Geräte prüft, ist zurzeit nicht erreichbar. Das liegt nicht an Ihnen. ${safe}`,
      steps: ['Sie müssen nichts tun.'],
      link: '',
      returns:
        'Sobald das System wieder antwortet, kommen Ihre E-Mails innerhalb einer Minute von selbst zurück. Sie müssen das Konto nicht entfernen.',
      contact,
    },
  },
  details: [
    'Benutzer: {{user}}',
    'Gerät: {{device}}',
    'Modell: {{model}}',
    'Grund: {{reason}}',
    'Angehalten seit: {{since}}',
  ],
  footer: 'Diese Nachricht wurde automatisch erstellt. Antworten darauf werden nicht gelesen.',
};
