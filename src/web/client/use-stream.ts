// Owns server-sent events in components: open while the page is visible, opened again by the browser after a break.
import { useEffect, useRef, useState } from 'react';
import type { EventOf } from '../../api/contract/operations.ts';
import { addressOf } from './call.ts';

/** Streams of events. */
export type StreamOperation = 'followCounters' | 'followJournal';

/** Whether events come in. */
export type StreamState = 'open' | 'connecting' | 'closed';

/**
 * Listens to the events of a stream; each has JSON as its data. `quietMs`: without an event for this time the state becomes
 * `connecting`; for streams that send regularly.
 */
export function useStream<Name extends StreamOperation>(
  name: Name,
  query: object,
  onEvent: (data: EventOf<Name>) => void,
  enabled = true,
  quietMs = Infinity,
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
    let quiet: number | undefined;
    const heard = (): void => {
      setState('open');
      window.clearTimeout(quiet);
      if (quietMs !== Infinity) quiet = window.setTimeout(() => setState('connecting'), quietMs);
    };
    const open = (): void => {
      if (document.visibilityState !== 'visible') {
        source?.close();
        source = null;
        return;
      }
      if (source !== null) return;
      setState('connecting');
      source = new EventSource(address);
      source.addEventListener('open', heard);
      source.addEventListener('error', () =>
        setState(source?.readyState === EventSource.CLOSED ? 'closed' : 'connecting'),
      );
      source.addEventListener('message', (event: MessageEvent<string>) => {
        heard();
        try {
          handler.current(JSON.parse(event.data) as EventOf<Name>);
        } catch {
          // Not JSON: a proxy put it there.
        }
      });
    };
    open();
    document.addEventListener('visibilitychange', open);
    return () => {
      document.removeEventListener('visibilitychange', open);
      window.clearTimeout(quiet);
      source?.close();
    };
  }, [address, enabled, quietMs]);
  return state;
}
