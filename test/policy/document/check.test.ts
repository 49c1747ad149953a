// Owns the promises of the check of a policy document: errors with positions and suggestions, and warnings.
import { describe, expect, it } from 'vitest';
import { loadPolicyText } from '../../../src/config/policy-file.ts';
import type { Known } from '../../../src/policy/compile/warnings.ts';

function problems(text: string, known: Known = {}): string[] {
  return loadPolicyText(text, { known }).problems.map(
    ({ severity, path, message, place }) => `${place?.line}:${place?.column} ${severity} ${path}: ${message}`,
  );
}

const warned = (text: string, known: Known = {}): string => problems(text, known).join('\n');

describe('the check of a policy', () => {
  it('reports all problems at once, with line, column and suggestion', () => {
    const text = `nme: x
mode: report
lists: { office: [10.0.0.0/8], broken: [10.0.0.0/40] }
rules:
  - name: a
    match: { platfrom: ios, osVersion: 17.10 }
    action: blok
  - name: b
    match:
      - { deviceType: "@offic", managed: "yes" }
      - { firstSeen: 30d, network: { not: [10.0.0.1, x] }, usersOnDevice: many, model: "< 3" }
    when: device.platfrom == "x"
    action: allow
    from: tomorrow
compliance:
  - name: x
    require: { compliant: false, minimumOs: { ios: "17.x" } }
    steps: [{ after: 3, action: warn }]
  - require: { encryptd: true, attributes: { patch: "> soon" } }
    steps: [{ after: 3d, action: warn }]
    grace: 3d
untargeted: { mode: reportonly }
limits: { devicesPerUser: -1 }
messages: { osToOld: { en: "Hi {usr}", link: ftp } }
`;
    expect(problems(text)).toEqual([
      '1:1 error nme: unknown field "nme" (did you mean "name"?)',
      '2:7 error mode: must be one of enforce, reportOnly, is "report" (did you mean "reportOnly"?)',
      '6:14 error rules.0.match.platfrom: unknown field "platfrom" (did you mean "platform"?)',
      '6:40 error rules.0.match.osVersion: must stand in quotes: without them 17.10 is 17.1',
      '7:13 error rules.0.action: must be one of allow, block, quarantine, is "blok" (did you mean "block"?)',
      '10:23 error rules.1.match.0.deviceType: there is no list "offic" (did you mean "office"?)',
      '10:42 error rules.1.match.0.managed: must be true or false without quotes, or unknown, is "yes"',
      '11:22 error rules.1.match.1.firstSeen: must compare with a length of time, e.g. "> 30d", is "30d"',
      '11:54 error rules.1.match.1.network.not.1: "x" is not an address or block of addresses',
      '11:75 error rules.1.match.1.usersOnDevice: "many" is not a number',
      '11:88 error rules.1.match.1.model: is a text, which cannot be compared with < or >',
      '12:18 error rules.1.when: No such key: platfrom (did you mean "platform"?)',
      '14:11 error rules.1.from: must be a date such as 2026-12-01, or a time such as 2026-12-01T08:00:00Z',
      '17:27 error compliance.0.require.compliant: must be true, is false',
      '17:52 error compliance.0.require.minimumOs.ios: "17.x" is not a version such as "17.4"',
      '18:22 error compliance.0.steps.0.after: must be a length of time such as 10m, 72h or 30d',
      '19:16 error compliance.1.require.encryptd: unknown field "encryptd" (did you mean "encrypted"?)',
      '19:53 error compliance.1.require.attributes.patch: compares with "soon", which is not a number, a version, a date or a length of time',
      '21:12 error compliance.1.grace: conflicts with steps, which set the times: remove one of them',
      '22:21 error untargeted.mode: must be one of enforce, reportOnly, is "reportonly" (did you mean "reportOnly"?)',
      '23:27 error limits.devicesPerUser: must be at least 0',
      '24:22 error messages.osToOld: is no requirement and no reason (did you mean "osTooOld"?)',
      '24:28 error messages.osToOld.en: there is no {usr} (did you mean "user"?)',
      '24:46 error messages.osToOld.link: must be an https:// address',
    ]);
  });

  it('gives the position inside an expression', () => {
    expect(
      problems('rules:\n  - { name: a, action: block, when: "device.managed && devise.encrypted" }\n'),
    ).toEqual(['2:56 error rules.0.when: Unknown variable: devise (did you mean "device"?)']);
  });

  it.each([
    ['age(partnership.firstSeen) < duration("7d")', '"7d" is not a duration in hours, minutes and seconds'],
    ['age(partnership.firstSeen) < duration("1 week")', '"1 week" is not a duration'],
    ['version(device.osVersion) < version("x")', '"x" is not a version such as "17.4"'],
    ['now < timestamp("2026-12-01")', '"2026-12-01" is not a time such as "2026-12-01T08:00:00Z"'],
    ['age("soon") < duration("1h")', '"soon" is not a date such as "2026-12-01"'],
    ['inNetwork(request.address, "10.0.0.0/40")', '"10.0.0.0/40" is not an address or block of addresses'],
    ['inNetwork(request.address, ["10.0.0.0/8", "x"])', '"x" is not an address or block of addresses'],
  ])('refuses a text that fails for every phone: %s', (when, message) => {
    const [first = '', ...others] = problems(`rules:\n  - { name: a, action: block, when: '${when}' }\n`);
    const at = when.indexOf(JSON.stringify(message.split('"')[1]));
    expect(first).toContain(`2:${38 + at} error rules.0.when: ${message}`);
    expect(others).toEqual([]);
  });

  it.each([
    'age(partnership.firstSeen) < duration("1h30m") && now > timestamp("2026-12-01T08:00:00+01:00")',
    'version("iOS 17") > version(device.osVersion) && inNetwork(request.address, ["10.0.0.0/8", "::1"])',
    'age("2026-12-01") < duration("1.5h") && version(device.os + "x") > version("1")',
  ])('takes texts that can be read: %s', (when) => {
    expect(problems(`rules:\n  - { name: a, action: block, when: '${when}' }\n`)).toEqual([]);
  });

  it('reports malformed YAML with its position', () => {
    expect(problems('rules: [\n')).toEqual([expect.stringMatching(/^2:1 error : Flow sequence/)]);
    expect(problems('name: a\nname: b\n')).toEqual(['2:1 error : Map keys must be unique']);
  });

  it('treats an empty document as all defaults', () => {
    expect(loadPolicyText('', {}).policy).not.toBeNull();
    expect(problems('')).toEqual([]);
    expect(problems('- a\n')).toEqual(['1:1 error : must be a map, is a list']);
    expect(problems('rules:\n')).toEqual(['1:1 error rules: is empty: must be a list']);
  });

  it('reads no files for a document without a folder', () => {
    expect(warned('lists: { a: { file: /etc/passwd } }')).toContain('cannot name files');
  });

  it.each([
    ['more entries', 'x\n'.repeat(100_001), 'has more than 100000 entries'],
    ['a longer entry', `a\n${'x'.repeat(1_001)}\n`, 'entry 2 is longer than 1000 characters'],
  ])('refuses a list file with %s than a list of the document may have', (_, content, message) => {
    const text =
      'lists: { a: { file: a.txt } }\nrules: [{ name: x, match: { user: "@a" }, action: block }]\n';
    const { policy, problems: found } = loadPolicyText(text, { folder: '/', read: () => content });
    expect(policy).toBeNull();
    expect(found[0]?.message).toBe(message);
  });

  it('takes an empty list of exceptions for none, and warns of an empty list of matches, which matches nothing', () => {
    const rule = (more: string): string =>
      warned(
        `rules: [{ name: a, match: { user: x }, action: block }, { name: b, action: block, ${more} }]\n`,
      );
    expect(rule('match: { user: y }, except: []')).toBe('');
    expect(rule('match: []')).toContain('warning rules.1.match: is an empty list: it matches nothing');
    expect(rule('match: []')).not.toContain('never reached');
    expect(warned('compliance: [{ name: a, match: [], require: { compliant: true } }]')).toContain(
      'warning compliance.0.match: is an empty list',
    );
  });

  it('refuses a quarantine that changes from request to request', () => {
    const rule = (more: string): string => warned(`rules:\n  - { name: a, action: quarantine, ${more} }\n`);
    expect(rule('match: { network: 10.0.0.0/8 }')).toContain(
      'error rules.0: network changes from request to request',
    );
    expect(rule('match: { command: Sync }')).toContain('error rules.0: command changes');
    expect(rule('when: request.command == "Sync"')).toContain(
      'error rules.0.when: reads the address or command',
    );
    expect(rule('when: has(request.address)')).toContain('error rules.0.when');
    expect(rule('match: { userAgent: x }')).toContain('warning rules.0: userAgent may change');
    expect(rule('except: { network: 10.0.0.0/8 }')).toContain('warning rules.0: except names network');
    expect(rule('when: request.auth == "basic"')).toContain('warning rules.0.when: reads the request');
  });

  it.each([
    'userAgent: x',
    'protocolVersion: "16.1"',
    'network: 10.0.0.1',
    'auth: basic',
    'command: Sync',
    'certificateIssuer: x',
  ])('refuses a compliance policy that names a request fact: %s', (condition) => {
    expect(
      warned(`compliance: [{ name: a, match: { ${condition} }, require: { compliant: true } }]`),
    ).toContain('error compliance.0.match:');
  });

  it('warns of probable mistakes', () => {
    const known: Known = {
      groups: new Set(['staff']),
      attributes: new Set(['threat']),
      reported: new Set(['compliant']),
      commands: new Set(['sync', 'ping']),
    };
    const text = `targets: { include: { groups: [stuff] } }
lists: { spare: [x] }
rules:
  - { name: all androids, match: { platform: andriod }, action: block }
  - { name: old androids, match: { platform: andriod, osVersion: "< 12" }, action: quarantine }
  - { name: tablets, match: { deviceType: iPad }, action: allow }
  - { name: tablets, match: { command: Snyc }, action: allow, mode: reportOnly }
  - { match: { network: 10.1.0.0/8 }, action: block }
compliance:
  - { name: a, require: { encrypted: true, attributes: { thret: low } }, steps: [{ after: 3d, action: block }, { after: 0d, action: warn }] }
  - { name: b, require: {} }
noCompliancePolicy: { action: allow }
`;
    const expected = [
      'targets.include.groups: no feed has a group "stuff" (did you mean "staff"?)',
      'lists.spare: is not used',
      'rules.0.match.platform: platform "andriod" is unusual: devices of other names are not concerned (did you mean "android"?)',
      'rules.1: is never reached: rule "all androids" matches first',
      'rules.1.match.osVersion: osVersion compares, so a phone whose value is unknown does not match',
      'rules.2.action: phones of every user that match are allowed without a look at compliance',
      'rules.3.name: "tablets" occurs twice',
      'rules.3.mode: an allow that is only reported does nothing',
      'rules.3.match.command: there is no command "snyc" (did you mean "sync"?)',
      'rules.4: has no name to show in verdicts and reports',
      'rules.4.match.network: a block has bits set behind its prefix; they are ignored',
      'compliance.0.require.encrypted: no feed reports it, so no device can meet it',
      'compliance.0.require.attributes: no feed reports an attribute "thret" (did you mean "threat"?)',
      'compliance.0.steps: steps are not in the order of their times; they act in that order',
      'compliance.1.require: requires nothing: every device meets it',
      'noCompliancePolicy.action: every targeted phone without a compliance policy passes',
    ];
    const found = problems(text, known);
    expect(found.every((one) => one.includes(' warning '))).toBe(true);
    for (const one of expected) expect(found.join('\n')).toContain(`warning ${one}`);
  });
});
