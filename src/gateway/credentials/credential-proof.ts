// Owns which answers of a mail server show that it took the credentials of a request. Pure.

/**
 * Whether a status does. 401 and 403 are refusals; 449 comes before authentication (Z-Push orders provisioning first), as do
 * 451, other redirects, 400 and 404 of a front end, and 5xx of one that fails.
 */
export function showsAcceptance(status: number): boolean {
  return status >= 200 && status <= 299;
}
