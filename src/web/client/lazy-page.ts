// Owns pages that are loaded when one goes there. A page that was open over an upgrade asks for a file that is gone.
import { lazy } from 'react';
import type { ComponentType, LazyExoticComponent } from 'react';

/** The file of a page could not be loaded. */
export class PageLoadError extends Error {
  constructor() {
    super('the file of the page could not be loaded');
    this.name = 'PageLoadError';
  }
}

/** Like `lazy` of React; throws PageLoadError where the file is not there. */
export function lazyPage(
  read: () => Promise<{ readonly default: ComponentType }>,
): LazyExoticComponent<ComponentType> {
  return lazy(async () => {
    try {
      return await read();
    } catch {
      throw new PageLoadError();
    }
  });
}
