// Owns the settings of a feed from Active Directory or another LDAP directory.
import { z } from 'zod';

const attribute = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'must be the name of an LDAP attribute: letters, digits and -');

/** A filter in the form of RFC 4515: its parentheses match. The directory judges the rest. */
const filter = z.string().max(4_096).refine(isBalanced, 'must be an LDAP filter in parentheses (RFC 4515)');

function isBalanced(text: string): boolean {
  let open = 0;
  for (let index = 0; index < text.length; index++) {
    const letter = text[index];
    if (letter === '(') open++;
    if (letter === ')') open--;
    if (open < 0 || (open === 0 && index < text.length - 1)) return false;
  }
  return text.startsWith('(') && open === 0;
}

const url = z
  .string()
  .max(300)
  .refine(
    (text) => /^ldaps?:\/\/[^/?#@\s]+\/?$/i.test(text) && URL.canParse(text),
    'must be ldaps://host[:port] or ldap://host[:port]',
  );

/** Fields of a feed of kind `ldap`. `secret`: the kind of a password in the configuration file; a plain text once it is read. */
export function ldapFields<Secret extends z.ZodType>(secret: Secret) {
  return {
    urls: z
      .array(url)
      .min(1)
      .max(8)
      .describe(
        'servers of one directory, in order of preference: the next one is asked when one does not answer. ldaps://host or ldap://host',
      ),
    security: z
      .enum(['tls', 'none'])
      .default('tls')
      .describe('`tls`: TLS on ldaps://, StartTLS on ldap://; `none`: password and data go unencrypted'),
    ca: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file of the authorities trusted for the servers; absent = those of Node.js'),
    bindDn: z
      .string()
      .min(1)
      .max(1_024)
      .describe(
        'the account that reads: a DN, or in Active Directory a UPN or DOMAIN\\name. It needs no other right',
      ),
    password: secret.describe('its password'),
    dialect: z
      .enum(['auto', 'active-directory', 'ldap'])
      .default('auto')
      .describe('`auto`: as the directory describes itself'),
    baseDn: z.string().min(1).max(1_024).describe('the part of the directory that is read, as a DN'),
    userFilter: filter
      .optional()
      .describe(
        'which entries are users; absent = people with a user name: (&(objectCategory=person)(objectClass=user)) in Active Directory, (objectClass=inetOrgPerson) elsewhere',
      ),
    userNames: z
      .array(attribute)
      .min(1)
      .max(16)
      .optional()
      .describe(
        'attributes with the names a user signs in with, the main one first; of proxyAddresses only smtp: counts. Absent = userPrincipalName, mail, proxyAddresses in Active Directory (DOMAIN\\name is added), uid, mail elsewhere',
      ),
    groupBaseDn: z.string().min(1).max(1_024).optional().describe('where groups are; absent = baseDn'),
    groupFilter: filter
      .optional()
      .describe(
        'which entries are groups; all that lie between a user and a wanted group must be among them. Absent = (objectClass=group) in Active Directory, groupOfNames and groupOfUniqueNames elsewhere',
      ),
    groupNames: z
      .array(z.string().min(1).max(256))
      .max(1_000)
      .optional()
      .describe('the groups that are reported; nested ones count for them. Absent = all'),
    groupNameAttribute: attribute.default('cn').describe('attribute with the name of a group'),
    disabledAttribute: attribute
      .optional()
      .describe(
        'attribute that tells that an account is disabled, e.g. pwdAccountLockedTime; Active Directory needs none',
      ),
    disabledValues: z
      .array(z.string().max(256))
      .max(16)
      .default(['*'])
      .describe('its values that mean disabled, in any case; * = any value'),
    attributes: z
      .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/), attribute)
      .default({})
      .refine((mapping) => Object.keys(mapping).length <= 32, 'must be at most 32')
      .describe('further values of a user for rules and lists: name of ours: LDAP attribute'),
    pageSize: z
      .number()
      .int()
      .min(10)
      .max(5_000)
      .default(500)
      .describe('entries asked for at a time; not more than the directory allows (1000 in Active Directory)'),
    connectTimeoutSeconds: z
      .number()
      .positive()
      .max(300)
      .default(10)
      .describe('longest wait for a connection, its TLS and its sign-in, per server, in seconds'),
    timeoutSeconds: z
      .number()
      .positive()
      .max(3_600)
      .default(60)
      .describe('longest wait for one page, in seconds'),
    overlapSeconds: z
      .number()
      .int()
      .min(0)
      .max(86_400)
      .default(600)
      .describe(
        'how far back changes by modifyTimestamp are read again, for servers whose clocks differ and for late replication, in seconds',
      ),
    maxUsers: z
      .number()
      .int()
      .min(1)
      .max(100_000_000)
      .default(2_000_000)
      .describe('most users; with more the run fails and changes nothing further'),
    maxGroups: z.number().int().min(1).max(10_000_000).default(100_000).describe('most groups'),
    maxMemberships: z
      .number()
      .int()
      .min(1)
      .max(1_000_000_000)
      .default(10_000_000)
      .describe('most direct members of all groups together: memory grows with them'),
  };
}

/** Settings whose password is read. */
export type LdapSettings = z.infer<z.ZodObject<ReturnType<typeof ldapFields<z.ZodString>>>>;
