// Owns the request for the first page of a list.
import { MAX_PAGE } from '../../../src/app/list-pages.ts';
import type { PageRequest } from '../../../src/app/list-pages.ts';

/** In the list's own order. */
export const FIRST_PAGE: PageRequest = { sort: [], limit: MAX_PAGE, after: null };
