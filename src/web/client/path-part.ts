// Owns parts of the address that are names. The router leaves reserved characters such as @ encoded; here they are decoded once.
import { useLocation } from 'wouter';

/** The part of the path at a place; 0 = the first. A part that is no text in UTF-8 stays as it is. */
export function usePathPart(place: number): string {
  // Draws anew when the address changes.
  useLocation();
  const part = window.location.pathname.split('/')[place + 1] ?? '';
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
