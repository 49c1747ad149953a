// Owns the device.
import type { ReactElement } from 'react';
import { PageHead } from '../parts/page-head.tsx';
import { t } from '../texts/texts.ts';

/** The page. */
export function DevicePage(): ReactElement {
  return <PageHead title={t.pages.device} />;
}
