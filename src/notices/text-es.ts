// Owns the Spanish texts of the quarantine message.
import type { LanguageSource } from './source.ts';

const returns =
  'En cuanto esté hecho, su correo volverá por sí solo en menos de un minuto. No es necesario quitar la cuenta.';
const contact =
  '¿Tiene preguntas? Su servicio de asistencia le ayudará con gusto.{{#helpContact}} {{helpContact}}{{/helpContact}}';
const of = '{{#organisation}} de {{organisation}}{{/organisation}}';
const enrol = 'Inscribir este dispositivo';
const manage = 'Abrir la gestión de dispositivos';
const safe = 'Su correo espera seguro en el servidor.';
const nextStep =
  'Si no está hecho antes del {{nextStep}}, sigue el próximo paso de las reglas: este dispositivo puede perder por completo el acceso al correo, sin otro mensaje.';
const heldUntil =
  'Esto vale hasta el {{nextStep}}. Después, el dispositivo se comprueba de nuevo automáticamente.';
const checkedBy = 'El dispositivo se comprueba de nuevo automáticamente, a más tardar el {{nextStep}}.';

export const SPANISH: LanguageSource = {
  headings: { steps: 'Qué puede hacer', details: 'Datos para el servicio de asistencia' },
  reasons: {
    compliant: 'cumple todos los requisitos',
    notCompliant: 'requisitos no cumplidos',
    notEnrolled: 'no inscrito',
    unknownDevice: 'todavía desconocido',
    deviceRule: 'tipo o versión de dispositivo no permitidos',
    individualRule: 'retenido por un administrador',
    globalRule: 'no aprobado',
    mailboxPolicy: 'directiva móvil del buzón',
    compromised: 'problema de seguridad',
    tooManyDevices: 'demasiados dispositivos',
    storeUnavailable: 'comprobación imposible por el momento',
  },
  messages: {
    compliant: {
      subject: 'Su correo está en camino',
      happened: `Este dispositivo cumple todos los requisitos${of}. El acceso a su correo está abierto.`,
      steps: ['No tiene que hacer nada.'],
      link: '',
      returns: 'Su correo volverá por sí solo en menos de un minuto. No es necesario quitar la cuenta.',
      contact,
    },
    notCompliant: {
      subject: 'Correo retenido: este dispositivo requiere su atención',
      happened: `Este dispositivo no cumple por ahora todos los requisitos de seguridad${of}. ${safe}`,
      steps: [
        'Falta: {{requirement}}',
        'Abra en este dispositivo la aplicación de gestión de dispositivos y siga sus instrucciones.',
        'Instale las actualizaciones pendientes y configure un bloqueo de pantalla si no lo hay.',
        'Haga que la aplicación compruebe el dispositivo de nuevo.',
      ],
      link: manage,
      next: nextStep,
      returns,
      contact,
    },
    notEnrolled: {
      subject: 'Inscriba este dispositivo para recibir su correo',
      happened: `Solo los dispositivos inscritos en la gestión de dispositivos${of} pueden recibir correo. Este todavía no lo está. ${safe}`,
      steps: [
        'Inscriba este dispositivo en la gestión de dispositivos{{#enrolmentUrl}} con el enlace de abajo{{/enrolmentUrl}}.',
        'Siga las instrucciones hasta el final y acepte los ajustes que se le ofrezcan.',
      ],
      link: enrol,
      returns,
      contact,
    },
    unknownDevice: {
      subject: 'Todavía no conocemos este dispositivo',
      happened: `La gestión de dispositivos${of} no conoce este dispositivo: puede ser nuevo o haberse restablecido. ${safe}`,
      steps: [
        '¿Acaba de inscribirlo o de restablecerlo? Abra la aplicación de gestión de dispositivos y haga que lo compruebe.',
        '¿Todavía no está inscrito? Inscríbalo{{#enrolmentUrl}} con el enlace de abajo{{/enrolmentUrl}}.',
        'Si no es su dispositivo, avise de inmediato a su servicio de asistencia.',
      ],
      link: enrol,
      next: checkedBy,
      returns,
      contact,
    },
    deviceRule: {
      subject: 'Este dispositivo no puede usarse así para el correo',
      happened: `Las reglas${of} no permiten dispositivos o aplicaciones de este tipo o versión{{#model}} ({{model}}){{/model}}. ${safe}`,
      steps: [
        'Requisito: {{requirement}}',
        'Instale todas las actualizaciones del sistema y de la aplicación de correo.',
        '¿Sigue retenido? Use otro dispositivo u otra aplicación de correo que su organización permita.',
      ],
      link: '',
      returns,
      contact,
    },
    individualRule: {
      subject: 'El correo de este dispositivo ha quedado retenido',
      happened: `Un administrador${of} ha retenido el correo de este dispositivo. ${safe}`,
      steps: ['Pregunte el motivo a su servicio de asistencia y pida que liberen el dispositivo.'],
      link: '',
      next: heldUntil,
      returns:
        'Una vez liberado el dispositivo, su correo volverá por sí solo en menos de un minuto. No es necesario quitar la cuenta.',
      contact,
    },
    globalRule: {
      subject: 'Este dispositivo no está aprobado para el correo',
      happened: `Las reglas${of} no permiten por ahora que este dispositivo reciba correo. ${safe}`,
      steps: [
        'Requisito: {{requirement}}',
        'Pida a su servicio de asistencia que apruebe el dispositivo e indique los datos de abajo.',
      ],
      link: '',
      returns:
        'Una vez aprobado el dispositivo, su correo volverá por sí solo en menos de un minuto. No es necesario quitar la cuenta.',
      contact,
    },
    mailboxPolicy: {
      subject: 'Su buzón no está abierto a este dispositivo',
      happened: `La directiva móvil${of} para su buzón no permite este dispositivo. ${safe}`,
      steps: [
        'Requisito: {{requirement}}',
        'Si el dispositivo pide un código o el cifrado, acéptelo.',
        '¿No pide nada? Solicite a su servicio de asistencia que abra el buzón a dispositivos móviles.',
      ],
      link: '',
      returns,
      contact,
    },
    compromised: {
      subject: 'Problema de seguridad en este dispositivo',
      happened: `Se ha detectado un problema de seguridad en este dispositivo, como un jailbreak, acceso root o software malicioso. Para proteger los datos${of}, el correo queda retenido.`,
      steps: [
        'Requisito no cumplido: {{requirement}}',
        'No escriba ninguna contraseña en este dispositivo hasta que el problema esté resuelto.',
        'Avise de inmediato a su servicio de asistencia, desde otro dispositivo.',
        'Restaure el software original del dispositivo y después inscríbalo de nuevo.',
      ],
      link: '',
      next: nextStep,
      returns,
      contact,
    },
    tooManyDevices: {
      subject: 'Demasiados dispositivos usan su buzón',
      happened: `Hay más dispositivos conectados a su buzón de los que permiten las reglas${of}. Este espera a que quede un lugar libre. ${safe}`,
      steps: [
        'Límite: {{requirement}}',
        'Quite la cuenta de correo de un dispositivo que ya no use.',
        'Pida a su servicio de asistencia que retire ese dispositivo de la lista.',
      ],
      link: '',
      returns,
      contact,
    },
    storeUnavailable: {
      subject: 'Su dispositivo no puede comprobarse por el momento',
      happened: `El sistema${of} que comprueba los dispositivos no está disponible por el momento. No es culpa suya. ${safe}`,
      steps: ['No tiene que hacer nada.'],
      link: '',
      returns:
        'En cuanto el sistema vuelva a responder, su correo volverá por sí solo en menos de un minuto. No es necesario quitar la cuenta.',
      contact,
    },
  },
  details: [
    'Usuario: {{user}}',
    'Dispositivo: {{device}}',
    'Modelo: {{model}}',
    'Motivo: {{reason}}',
    'Retenido desde: {{since}}',
  ],
  footer: 'Este mensaje se ha redactado automáticamente. Las respuestas no se leen.',
};
