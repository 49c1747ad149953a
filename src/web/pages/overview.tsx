// Owns the overview.
import type { ReactElement } from 'react';
import { PageHead } from '../parts/page-head.tsx';
import { t } from '../texts/texts.ts';

/** The page. */
export function OverviewPage(): ReactElement {
  return <PageHead title={t.pages.overview} />;
}
