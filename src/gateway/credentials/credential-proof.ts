// Owns which answers of a mail server show that it took the credentials of a request. Pure.
import type { EasCommand } from '../../eas/commands.ts';

/**
 * Whether a status does. 401 and 403 are refusals; 449 comes before authentication (Z-Push orders provisioning first), as do
 * 451, other redirects, 400 and 404 of a front end, and 5xx of one that fails.
 */
export function showsAcceptance(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** Whether a content type is that of a page for people: a maintenance page may come with 200, to everybody. */
export function isPage(contentType: string | null): boolean {
  return contentType !== null && contentType.trim().toLowerCase().startsWith('text/html');
}

/** Z-Push answers Provision without looking at the password (zpush.php, `COMMAND_PROVISION ... UNAUTHENTICATED`). */
export function isAuthenticated(command: EasCommand | null): boolean {
  return command !== 'Provision';
}
