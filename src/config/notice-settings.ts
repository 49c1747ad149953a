// Owns the translation of the `messages` section, and of the operator's texts, into settings of the message.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CatalogueError, buildCatalogue } from '../notices/catalogue.ts';
import type { LanguageOverride } from '../notices/catalogue.ts';
import type { NoticeSettings } from '../notices/notice.ts';
import { ConfigError } from './problems.ts';
import { fileTrouble } from '../file-words.ts';
import { parseTemplateFile } from './message-templates.ts';
import type { Config } from './schema.ts';

const TEMPLATE_FILE = /^([A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3})\.ya?ml$/;

/** Settings of the message. @throws ConfigError with every problem of the operator's texts */
export function noticeSettings({ messages }: Config): NoticeSettings {
  const { templatesDir, ...settings } = messages;
  try {
    const catalogue = buildCatalogue(templatesDir === null ? undefined : readTemplates(templatesDir));
    if (!catalogue.has(settings.defaultLanguage))
      throw new ConfigError('messages.defaultLanguage', ['there are no texts in this language']);
    return { ...settings, catalogue };
  } catch (error) {
    if (error instanceof CatalogueError) throw new ConfigError('messages.templatesDir', error.problems);
    throw error;
  }
}

function readTemplates(folder: string): Map<string, LanguageOverride> {
  const overrides = new Map<string, LanguageOverride>();
  for (const name of listFiles(folder)) {
    const language = TEMPLATE_FILE.exec(name)?.[1];
    if (language === undefined) continue;
    const path = join(folder, name);
    overrides.set(language, parseTemplateFile(readText(path), language, path));
  }
  return overrides;
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    throw unreadable('messages.templatesDir', folder, error);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, path, error);
  }
}

function unreadable(place: string, path: string, error: unknown): ConfigError {
  return new ConfigError(place, [`cannot be read: ${fileTrouble(error, path)}`]);
}
