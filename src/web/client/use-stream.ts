// Owns server-sent events in components: open while the page is visible, opened again by the browser after a break.
import { useEffect, useRef, useState } from 'react';
import type { z } from 'zod';
import type { counters } from '../../api/contract/overview.ts';
import { addressOf } from './call.ts';

/** Streams, and the data of their events. */
export interface StreamData {
  readonly followCounters: z.infer<typeof counters>;
}

/** Whether events come in. */
export type StreamState = 'open' | 'connecting' | 'closed';

/** Listens to the events of a stream; each has JSON as its data. */
export function useStream<Name extends keyof StreamData>(
  name: Name,
  query: object,
  onEvent: (data: StreamData[Name]) => void,
  enabled = true,
): StreamState {
  const [state, setState] = useState<StreamState>('connecting');
  const handler = useRef(onEvent);
  handler.current = onEvent;
  const address = addressOf(name, {}, query);

  useEffect(() => {
    if (!enabled) {
      setState('closed');
      return undefined;
    }
    let source: EventSource | null = null;
    const open = (): void => {
      if (document.visibilityState !== 'visible') {
        source?.close();
        source = null;
        return;
      }
      if (source !== null) return;
      setState('connecting');
      source = new EventSource(address);
      source.addEventListener('open', () => setState('open'));
      source.addEventListener('error', () =>
        setState(source?.readyState === EventSource.CLOSED ? 'closed' : 'connecting'),
      );
      source.addEventListener('message', (event: MessageEvent<string>) => {
        try {
          handler.current(JSON.parse(event.data) as StreamData[Name]);
        } catch {
          // Not JSON: a proxy put it there.
        }
      });
    };
    open();
    document.addEventListener('visibilitychange', open);
    return () => {
      document.removeEventListener('visibilitychange', open);
      source?.close();
    };
  }, [address, enabled]);
  return state;
}
