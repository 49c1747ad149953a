// Owns the promises against documents of a policy that YAML, or the gateway, reads otherwise than their author.
import { describe, expect, it } from 'vitest';
import { loadPolicyText } from '../../src/config/policy-file.ts';

/** Its problems, as `policy check` lists them. */
function problems(text: string, list?: string): string[] {
  const files = list === undefined ? {} : { folder: '/', read: () => list };
  return loadPolicyText(text, files).problems.map(
    ({ severity, path, message, place }) => `${place?.line}:${place?.column} ${severity} ${path}: ${message}`,
  );
}

const rule = (match: string): string => `rules:\n  - { name: a, match: ${match}, action: block }\n`;

describe('a number without quotes', () => {
  it.each([
    ['0815', '815'],
    ['0x10', '16'],
    ['0o17', '15'],
    ['1e3', '1000'],
    ['+5', '5'],
    ['17.0', '17'],
    ['12345678901234567890', '12345678901234567000'],
    ['9007199254740993', '9007199254740992'],
  ])('is refused where YAML reads another one: %s', (written, read) => {
    expect(problems(rule(`{ deviceId: ${written} }`))).toEqual([
      `2:35 error rules.0.match.deviceId: must stand in quotes: without them ${written} is ${read}`,
    ]);
    expect(problems(rule(`{ deviceId: [x, { not: ${written} }] }`))[0]).toContain(
      `error rules.0.match.deviceId.1.not: must stand in quotes`,
    );
    expect(problems(rule(`{ deviceId: "${written}" }`))).toEqual([]);
  });

  it('is refused in attributes, in minimumOs, in limits, and as a name', () => {
    expect(problems(rule('{ attributes: { app: 17.10 } }'))[0]).toContain('without them 17.10 is 17.1');
    expect(problems(rule('{ attributes: { 007: x } }'))[0]).toContain('without them 007 is 7');
    expect(problems('compliance: [{ name: a, require: { minimumOs: { ios: 017 } } }]')[0]).toContain(
      'compliance.0.require.minimumOs.ios: must stand in quotes: without them 017 is 17',
    );
    expect(problems('limits: { devicesPerUser: 010 }')[0]).toContain('without them 010 is 10');
  });

  it('may stand where it is the one that was written, and as a version with zeros', () => {
    expect(problems(rule('{ model: 3310, protocolVersion: 16.0, attributes: { score: 0.5 } }'))).toEqual([]);
    expect(problems('compliance: [{ name: a, require: { minimumOs: { ios: 17.0 } } }]')).toEqual([]);
  });

  it('has one problem, where it is refused as a version anyway', () => {
    expect(problems(rule('{ osVersion: 17.10 }'))).toEqual([
      '2:36 error rules.0.match.osVersion: must stand in quotes: without them 17.10 is 17.1',
    ]);
  });
});

describe('a name', () => {
  it.each(['5: a, "5": b', 'true: a, "true": b', 'null: a, "null": b'])(
    'is refused twice, also with and without quotes: %s',
    (attributes) => {
      expect(problems(rule(`{ attributes: { ${attributes} } }`))[0]).toMatch(
        /error : Map keys must be unique/,
      );
    },
  );

  it.each([
    rule('{ attributes: { __proto__: x } }'),
    rule('{ userAttributes: { "__proto__": x } }'),
    'lists: { __proto__: [x] }',
    'compliance: [{ name: a, require: { minimumOs: { ios: "17", __proto__: "17" } } }]',
    'messages: { __proto__: { en: x } }',
  ])('that would be lost is refused: %s', (text) => {
    expect(problems(text)[0]).toMatch(/ error .*__proto__: is not a name that is allowed here$/);
  });
});

describe('a word that was a boolean in YAML 1.1', () => {
  it('is a warning as the value of an attribute, and not in quotes or elsewhere', () => {
    expect(problems(rule('{ attributes: { rooted: yes } }'))).toEqual([
      '2:47 warning rules.0.match.attributes.rooted: is the text "yes", which no true or false matches: write true or false, or put it in quotes',
    ]);
    expect(problems(rule('{ attributes: { rooted: "yes" }, groups: [NO] }'))).toEqual([]);
  });
});

describe('a value that is written as in other languages', () => {
  it.each(['=< 12', '== 12', '!= 12', '≤ 12', '~12', '^12', 'iOS < 12', '12 < 13'])(
    'is refused as a version: %s',
    (version) => {
      expect(problems(rule(`{ osVersion: "${version}" }`))[0]).toMatch(/ error rules.0.match.osVersion: /);
      expect(problems(rule(`{ osVersion: { not: ["${version}"] } }`))[0]).toMatch(/ error /);
    },
  );

  it.each(['17.x', '17+', '16 - 17', '17,4', 'Android 14', 'Unknown'])(
    'is a warning as a version, where it is compared as a text: %s',
    (version) => {
      const [first = ''] = problems(rule(`{ osVersion: ["< 9", unknown, "${version}"] }`));
      expect(first).toContain(` warning rules.0.match.osVersion: "${version.toLowerCase()}" is `);
    },
  );

  it('is no warning as a version with a wildcard', () => {
    expect(problems(rule('{ osVersion: ["17.*", "Android 14*"] }'))).toEqual([]);
  });

  it.each(['!ios', '!= ios', '== ios', '=ios'])('is a warning as a text: %s', (text) => {
    for (const match of [`{ model: "${text}" }`, `{ attributes: { a: { not: "${text}" } } }`])
      expect(problems(rule(match))[0]).toContain('is compared as a text, with its first character');
    const requires = `compliance: [{ name: a, require: { attributes: { a: "${text}" } } }]`;
    expect(problems(requires)[0]).toContain('compliance.0.require.attributes.a: "');
  });

  it.each(['Unknown', 'UNKNOWN', ' unknown'])('is a warning where it is not the word unknown: %j', (text) => {
    expect(problems(rule(`{ model: [Pixel, "${text}"] }`))[0]).toContain(
      'is a text here; a value that nobody reported is unknown, in small letters',
    );
  });

  it('is a warning as a version of an attribute with two parts, which is a number too', () => {
    const text = rule('{ attributes: { app: ["> 17.10", unknown] } }');
    expect(problems(text)[0]).toContain('so that 17.9 is above 17.10');
    for (const other of ['> 7.5', '> 0.75', '>= 17.10.0', '> 100'])
      expect(problems(rule(`{ attributes: { app: ["${other}", unknown] } }`))).toEqual([]);
  });
});

describe('a minimum of the system', () => {
  const minimum = (map: string): string => `compliance: [{ name: a, require: { minimumOs: ${map} } }]`;

  it.each(['*', 'i*', '?os'])(
    'is refused for a pattern of platforms, which no platform is called: %s',
    (name) => {
      expect(problems(minimum(`{ "${name}": "17" }`))[0]).toContain('is a pattern: name each platform');
    },
  );

  it('is a warning for ipados alone, since iPads are reported as ios', () => {
    const message = 'names ipados without ios, which iPads are reported as';
    expect(problems(minimum('{ iPadOS: "17" }'))[0]).toContain(message);
    expect(problems(rule('{ platform: ipados }'))[0]).toContain(message);
    expect(problems(minimum('{ iPadOS: "17", ios: "17" }'))).toEqual([]);
    expect(problems(rule('{ platform: { not: [ipados, iOS] } }'))).toEqual([]);
  });

  it('is a warning without a platform', () => {
    expect(problems(minimum('{}'))[0]).toContain('minimumOs: names no platform: every version meets it');
  });
});

describe('the file of a list', () => {
  const listed =
    'lists: { x: { file: x.txt } }\nrules: [{ name: a, match: { user: "@x" }, action: block }]\n';

  it.each([
    ['alice # the boss', 'contains a #'],
    ['"alice"', 'has quotes'],
    ["'alice'", 'has quotes'],
    ['alice,', 'has a comma'],
    ['a@b.example, c@b.example', 'has a comma'],
    ['', 'has no values'],
    ['# none', 'has no values'],
  ])('is a warning where a line is not what it looks like: %s', (line, message) => {
    expect(problems(listed, `${line}\n`)).toEqual([
      expect.stringMatching(`^1:\\d+ warning lists.x.file: .*${message}`),
    ]);
  });

  it('may have lines that end in any way, and names of a directory', () => {
    const { policy, problems: found } = loadPolicyText(listed, {
      folder: '/',
      read: () => '# users\r\nalice\r\nbob\rcarol\n\nCN=Staff,OU=Groups\n#5\n',
    });
    expect(found).toEqual([]);
    expect(policy?.lists.get('x')).toEqual(['alice', 'bob', 'carol', 'CN=Staff,OU=Groups']);
  });
});
