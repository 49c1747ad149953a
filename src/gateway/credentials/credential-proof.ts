// Owns which answers of a mail server show that it accepted the credentials of a request. Pure.
import type { EasCommand } from '../../eas/commands.ts';

/**
 * Whether a status shows it. 401 and 403 are refusals. 449 is sent before authentication (Z-Push orders provisioning
 * first), as are 451, other redirects, 400 and 404 of a front end, and 5xx.
 */
export function showsAcceptance(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** Whether a content type is that of a web page: a maintenance page may have status 200 for everybody. */
export function isPage(contentType: string | null): boolean {
  return contentType !== null && contentType.trim().toLowerCase().startsWith('text/html');
}

/** Z-Push answers Provision without checking the password (zpush.php, `COMMAND_PROVISION ... UNAUTHENTICATED`). */
export function isAuthenticated(command: EasCommand | null): boolean {
  return command !== 'Provision';
}
