// Owns the head of a report: title, as of when, and the ways to take it along.
import type { ReactElement, ReactNode } from 'react';
import { moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { PageHead } from './page-head.tsx';
import { Time } from './time.tsx';

/** A report of the page. */
export type ReportTab = keyof typeof t.reports.tabs;

/** Rows at first, and when more are asked for. */
export const FIRST_ROWS = 100;
export const MOST_ROWS = 1_000;

const texts = t.reports;

/** Prints the page. */
export function Print(): ReactElement {
  return (
    <button className="btn" type="button" onClick={() => window.print()}>
      <Icon name="print" />
      {texts.print}
    </button>
  );
}

/** A file of the API. */
export function CsvLink({ href, label }: { href: string; label: string }): ReactElement {
  return (
    <a className="btn" href={href} download>
      <Icon name="save" />
      {label}
    </a>
  );
}

/** `asOf`: changes up to this moment are in it. */
export function ReportHead({
  name,
  asOf,
  tools,
}: {
  name: ReportTab;
  asOf: string | null | undefined;
  tools: ReactNode;
}): ReactElement {
  return (
    <PageHead title={texts.tabs[name]} tools={tools}>
      {texts.lead[name]}
      {asOf === null || asOf === undefined ? null : (
        <>
          , {texts.asOf} <Time iso={asOf} form={moment} />
        </>
      )}
    </PageHead>
  );
}
