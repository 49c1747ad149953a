// Owns values that live outside of components and that components show.
import { useSyncExternalStore } from 'react';

/** A value with listeners. */
export interface Value<T> {
  readonly get: () => T;
  readonly set: (next: T) => void;
  readonly listen: (listener: () => void) => () => void;
}

/** A new one. Setting an equal value calls no listener. */
export function newValue<T>(first: T): Value<T> {
  let current = first;
  const listeners = new Set<() => void>();
  return {
    get: () => current,
    set: (next) => {
      if (Object.is(current, next)) return;
      current = next;
      for (const listener of listeners) listener();
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The value; the component is drawn again when it changes. */
export function useValue<T>(value: Value<T>): T {
  return useSyncExternalStore(value.listen, value.get);
}
