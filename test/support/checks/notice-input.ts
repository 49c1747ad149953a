// Owns a notice to render in tests: its settings, and the facts of a quarantined phone.
import { buildCatalogue } from '../../../src/notices/catalogue.ts';
import type { NoticeInput, NoticeSettings } from '../../../src/notices/notice.ts';

/** The built-in texts. */
export const CATALOGUE = buildCatalogue();

/** The settings of an organisation that filled in everything. */
export const SETTINGS: NoticeSettings = {
  catalogue: CATALOGUE,
  defaultLanguage: 'en',
  organisation: 'Example Ltd',
  fromName: 'Mail gateway',
  fromAddress: 'it@example.org',
  helpContact: 'help@example.org',
  enrolmentUrl: 'https://enrol.example.org/start?a=1&b=2',
  timeZone: 'UTC',
};

/** All facts are known. */
export const INPUT: NoticeInput = {
  settings: SETTINGS,
  reason: 'notEnrolled',
  requirement: 'iOS 18.2',
  language: 'en',
  user: 'jane@example.org',
  device: 'APPLEF2L1234',
  model: 'iPhone15C2',
  since: Date.UTC(2026, 7, 1, 12, 34, 56, 789),
};
