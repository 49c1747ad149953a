// Owns the English texts of the quarantine message.
import type { LanguageSource } from './source.ts';

const returns =
  'As soon as this is done, your mail comes back by itself within a minute. You need not remove the account.';
const contact = 'Questions? Your help desk is glad to help.{{#helpContact}} {{helpContact}}{{/helpContact}}';
const of = '{{#organisation}} of {{organisation}}{{/organisation}}';
const enrol = 'Enrol this device';
const manage = 'Open device management';
const nextStep =
  'Not done by {{nextStep}}? Then the next step of the rules follows: this device may lose access to mail completely, without a further message.';
const heldUntil = 'This holds until {{nextStep}}. Then the device is checked again by itself.';
const checkedBy = 'The device is checked again by itself, at the latest on {{nextStep}}.';

export const ENGLISH: LanguageSource = {
  headings: { steps: 'What to do', details: 'Details for the help desk' },
  reasons: {
    compliant: 'meets all requirements',
    notCompliant: 'requirements not met',
    notEnrolled: 'not enrolled',
    unknownDevice: 'not known yet',
    deviceRule: 'device type or version not permitted',
    individualRule: 'held by an administrator',
    globalRule: 'not approved',
    mailboxPolicy: 'mobile policy of the mailbox',
    compromised: 'security problem',
    tooManyDevices: 'too many devices',
    storeUnavailable: 'check not possible at the moment',
  },
  messages: {
    compliant: {
      subject: 'Your mail is on its way',
      happened: `This device meets all requirements${of}. Access to your mail is open.`,
      steps: ['There is nothing you need to do.'],
      link: '',
      returns: 'Your mail comes back by itself within a minute. You need not remove the account.',
      contact,
    },
    notCompliant: {
      subject: 'Mail is on hold: this device needs your attention',
      happened: `This device does not meet all security requirements${of} at present. Until it does, your mail waits safely on the server.`,
      steps: [
        'This is missing: {{requirement}}',
        'Open the device management app on this device and follow its instructions.',
        'Install pending updates, and set a screen lock if there is none.',
        'Let the app check the device again.',
      ],
      link: manage,
      next: nextStep,
      returns,
      contact,
    },
    notEnrolled: {
      subject: 'Enrol this device to get your mail',
      happened: `Only devices in the device management${of} may fetch mail. This one is not enrolled yet; your mail waits safely on the server.`,
      steps: [
        'Enrol this device in device management{{#enrolmentUrl}} with the link below{{/enrolmentUrl}}.',
        'Follow the instructions to the end, and allow the settings it offers.',
      ],
      link: enrol,
      returns,
      contact,
    },
    unknownDevice: {
      subject: 'We do not know this device yet',
      happened: `The device management${of} does not know this device: it may be new, or it was reset. Your mail waits safely on the server.`,
      steps: [
        'Enrolled a moment ago, or reset? Open the device management app and let it check the device.',
        'Not enrolled yet? Enrol this device{{#enrolmentUrl}} with the link below{{/enrolmentUrl}}.',
        'If this is not your device, tell your help desk at once.',
      ],
      link: enrol,
      next: checkedBy,
      returns,
      contact,
    },
    deviceRule: {
      subject: 'This device cannot be used for mail as it is',
      happened: `Devices or apps of this type or version{{#model}} ({{model}}){{/model}} are not permitted by the rules${of}. Your mail waits safely on the server.`,
      steps: [
        'Required: {{requirement}}',
        'Install all updates of the operating system and of the mail app.',
        'Still on hold? Use another device or mail app that your organisation permits.',
      ],
      link: '',
      returns,
      contact,
    },
    individualRule: {
      subject: 'Mail on this device was put on hold',
      happened: `An administrator${of} has put mail on this device on hold. Your mail waits safely on the server.`,
      steps: ['Ask your help desk why, and have the device released.'],
      link: '',
      next: heldUntil,
      returns:
        'Once the device is released, your mail comes back by itself within a minute. You need not remove the account.',
      contact,
    },
    globalRule: {
      subject: 'This device is not approved for mail',
      happened: `The rules${of} do not let this device fetch mail at present. Your mail waits safely on the server.`,
      steps: [
        'Required: {{requirement}}',
        'Ask your help desk to approve the device, and give them the details below.',
      ],
      link: '',
      returns:
        'Once the device is approved, your mail comes back by itself within a minute. You need not remove the account.',
      contact,
    },
    mailboxPolicy: {
      subject: 'Your mailbox is not open to this device',
      happened: `The mobile policy${of} for your mailbox does not permit this device. Your mail waits safely on the server.`,
      steps: [
        'Required: {{requirement}}',
        'If the device asks for a passcode or encryption, agree to it.',
        'Not asked for anything? Have your help desk open the mailbox to mobile devices.',
      ],
      link: '',
      returns,
      contact,
    },
    compromised: {
      subject: 'Security problem on this device',
      happened: `A security problem was found on this device, such as a jailbreak, root access or harmful software. To protect the data${of}, mail is on hold.`,
      steps: [
        'Requirement not met: {{requirement}}',
        'Do not type any password on this device until the problem is solved.',
        'Tell your help desk at once, from another device.',
        'Restore the original software of the device, then enrol it again.',
      ],
      link: '',
      next: nextStep,
      returns,
      contact,
    },
    tooManyDevices: {
      subject: 'Too many devices use your mailbox',
      happened: `More devices are connected to your mailbox than the rules${of} permit. This one waits for a free place; your mail waits safely on the server.`,
      steps: [
        'Permitted: {{requirement}}',
        'Remove the mail account from a device you no longer use.',
        'Ask your help desk to take that device off the list.',
      ],
      link: '',
      returns,
      contact,
    },
    storeUnavailable: {
      subject: 'Your device cannot be checked at the moment',
      happened: `The system${of} that checks devices cannot be reached at the moment. The fault is not yours; your mail waits safely on the server.`,
      steps: ['There is nothing you need to do.'],
      link: '',
      returns:
        'As soon as the system answers again, your mail comes back by itself within a minute. You need not remove the account.',
      contact,
    },
  },
  details: [
    'User: {{user}}',
    'Device: {{device}}',
    'Model: {{model}}',
    'Reason: {{reason}}',
    'On hold since: {{since}}',
  ],
  footer: 'This message was written automatically. Replies to it are not read.',
};
