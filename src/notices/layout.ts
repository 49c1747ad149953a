// Owns the layout of the message as text and as HTML: one column, real headings and lists, no external resources.
import { escapeHtml, html, plain, safeHref } from './template.ts';
import type { Segment } from './template.ts';

type Line = readonly Segment[];

/** The parts of a message; a part that is `null` or empty is omitted with its heading. */
export interface NoticeContent {
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly subject: string;
  readonly happened: Line | null;
  readonly stepsHeading: string;
  readonly steps: readonly Line[];
  /** Label of the link; shown only with `linkUrl`. */
  readonly link: string | null;
  readonly linkUrl: string | null;
  readonly next: Line | null;
  readonly returns: Line | null;
  readonly contact: Line | null;
  readonly detailsHeading: string;
  readonly details: readonly Line[];
  readonly footer: Line | null;
}

/** The plain-text body; lines end with CRLF and are not wrapped. */
export function textBody(content: NoticeContent): string {
  const steps = content.steps.map((step, index) => `${index + 1}. ${plain(step)}`);
  const blocks = [
    textLines(content.happened),
    steps.length === 0 ? [] : [content.stepsHeading, ...steps],
    content.link === null || content.linkUrl === null ? [] : [content.link, content.linkUrl],
    textLines(content.next),
    textLines(content.returns),
    textLines(content.contact),
    content.details.length === 0 ? [] : [content.detailsHeading, ...content.details.map(plain)],
    textLines(content.footer),
  ];
  const filled = blocks.filter((block) => block.length > 0);
  return `${filled.map((block) => block.join('\r\n')).join('\r\n\r\n')}\r\n`;
}

function textLines(line: Line | null): string[] {
  return line === null ? [] : [plain(line)];
}

// Where not both colours are set, text inherits the reader's theme and stays readable in dark mode.
const PAGE =
  'margin:0;padding:16px;font:16px/1.5 -apple-system,system-ui,Roboto,Helvetica,Arial,sans-serif;color-scheme:light dark';
const COLUMN = 'max-width:36em;margin:0 auto;overflow-wrap:anywhere';
const TITLE = 'font-size:22px;line-height:1.3;margin:0 0 16px';
const HEADING = 'font-size:16px;margin:24px 0 8px';
const PARAGRAPH = 'margin:0 0 16px';
const LIST = 'margin:0 0 16px;padding-inline-start:24px';
const ITEM = 'margin:0 0 8px';
/** At least 44 px high, for thumbs. White on this blue has a contrast of 6.7 : 1 (WCAG 2.1, 1.4.3). */
const BUTTON =
  'display:inline-block;padding:12px 20px;border-radius:8px;background:#1a56db;color:#ffffff;font-weight:600;text-decoration:none';
const SMALL =
  'font-size:14px;margin:24px 0 0;padding:16px 0 0;border-width:1px 0 0;border-style:solid;border-color:#8a8a8a';

/** The HTML body: a whole document; lines end with CRLF. */
export function htmlBody(content: NoticeContent): string {
  const language = escapeHtml(content.language);
  const lines = [
    '<!DOCTYPE html>',
    `<html lang="${language}" dir="${content.direction}">`,
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeHtml(content.subject)}</title>`,
    '</head>',
    // Mail clients remove <html>, so language and direction are set on an element they keep.
    `<body style="${PAGE}">`,
    `<div lang="${language}" dir="${content.direction}" style="${COLUMN}">`,
    `<h1 style="${TITLE}">${escapeHtml(content.subject)}</h1>`,
    ...paragraph(content.happened, PARAGRAPH),
    ...list('ol', content.stepsHeading, content.steps, ITEM),
    ...button(content.link, content.linkUrl),
    ...paragraph(content.next, PARAGRAPH),
    ...paragraph(content.returns, PARAGRAPH),
    ...paragraph(content.contact, PARAGRAPH),
    `<div style="${SMALL}">`,
    ...list('ul', content.detailsHeading, content.details, 'margin:0'),
    ...paragraph(content.footer, 'margin:0'),
    '</div>',
    '</div>',
    '</body>',
    '</html>',
    '',
  ];
  return lines.join('\r\n');
}

function paragraph(line: Line | null, style: string): string[] {
  return line === null ? [] : [`<p style="${style}">${html(line)}</p>`];
}

function list(tag: 'ol' | 'ul', heading: string, lines: readonly Line[], style: string): string[] {
  if (lines.length === 0) return [];
  return [
    `<h2 style="${HEADING}">${escapeHtml(heading)}</h2>`,
    `<${tag} style="${LIST}">`,
    ...lines.map((line) => `<li style="${style}">${html(line)}</li>`),
    `</${tag}>`,
  ];
}

function button(label: string | null, url: string | null): string[] {
  if (label === null || url === null) return [];
  const href = safeHref(url);
  if (href === null) {
    return [`<p style="${PARAGRAPH}">${escapeHtml(label)}<br>${escapeHtml(url)}</p>`];
  }
  return [
    `<p style="${PARAGRAPH}"><a href="${escapeHtml(href)}" style="${BUTTON}">${escapeHtml(label)}</a></p>`,
  ];
}
