// Owns which rows of a long list are drawn. In wide windows the list scrolls within its panel, on phones with the page.
import { useVirtualizer, useWindowVirtualizer } from '@tanstack/react-virtual';
import type { Virtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useState, useSyncExternalStore } from 'react';
import type { RefObject } from 'react';

const PHONE = '(max-width: 719px)';
const ROW_PX = 36;
const CARD_PX = 118;
/** Rows that are drawn beyond the edges. */
const OVERSCAN = 12;

function listenToWidth(listener: () => void): () => void {
  const query = window.matchMedia(PHONE);
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}

/** Whether the window is as narrow as a phone. */
function useIsPhone(): boolean {
  return useSyncExternalStore(listenToWidth, () => window.matchMedia(PHONE).matches);
}

/** The rows to draw. */
export function useRows(
  frame: RefObject<HTMLDivElement | null>,
  count: number,
): Virtualizer<Window, HTMLTableRowElement> | Virtualizer<HTMLDivElement, HTMLTableRowElement> {
  const isPhone = useIsPhone();
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => {
    const top = frame.current?.getBoundingClientRect().top ?? 0;
    setMargin(Math.round(top + window.scrollY));
  }, [frame, isPhone, count]);
  const inPanel = useVirtualizer<HTMLDivElement, HTMLTableRowElement>({
    count: isPhone ? 0 : count,
    enabled: !isPhone,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    // The sticky head covers the first rows of the frame.
    scrollPaddingStart: ROW_PX,
    scrollPaddingEnd: ROW_PX,
  });
  const inWindow = useWindowVirtualizer<HTMLTableRowElement>({
    count: isPhone ? count : 0,
    enabled: isPhone,
    estimateSize: () => CARD_PX,
    overscan: 6,
    scrollMargin: margin,
  });
  return isPhone ? inWindow : inPanel;
}
