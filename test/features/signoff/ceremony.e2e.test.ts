import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EvidenceDraft } from '../../../src/core/gate/types.ts'
import { instantFromMs } from '../../../src/core/rows/instant.ts'
import { makeRunnerKey, type SigningRunner } from '../../../src/adapters/evidence-log/runner-key.ts'
import { CODE, fullEvidence, gateFolder } from '../../support/gate-folder.ts'
import { measureAgain } from '../../support/signed-folder.ts'
import { onScript, onTerminal, type PtyRun, type Script } from '../../support/pty.ts'
import { ROOT, type Run, runFf } from '../../support/run-ff.ts'
import { digest, envelopeText, tools } from './people.ts'

const FF = [process.execPath, join(ROOT, 'dist/bin/ff.js')]
const CHILD = [process.execPath, new URL('./gate-child.mjs', import.meta.url).pathname]
const SECRET = 'correct horse battery'
let folder = ''
let pin = ''
/** The value of FF_CODE_VERSION. */
let code = CODE

const ff = (args: readonly string[], script: Script = []): Promise<PtyRun> =>
  onTerminal([...FF, ...args], script, { cwd: folder, env: { FF_TRUST_SHA256: pin } })
const plain = (args: readonly string[]): Promise<Run> =>
  runFf(args, { cwd: folder, env: { FF_TRUST_SHA256: pin } })
const soon = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString()
const place = () => ({ cwd: folder, env: { FF_TRUST_SHA256: pin, FF_CODE_VERSION: code } })
/** Without a terminal, at a time of our choosing. */
async function gated(args: readonly string[], now = soon(0)): Promise<PtyRun> {
  const { status, stdout, stderr } = await runFf(args, { ...place(), now })
  return { status, screen: stdout + stderr }
}
/** On a pseudo-terminal. */
const typed = (args: readonly string[], script: Script): Promise<PtyRun> =>
  onTerminal([...CHILD, soon(0), ...args], script, place())
/** With answers of a script, at a time of our choosing. */
const answered = (args: readonly string[], script: Script, now = soon(0)): Promise<PtyRun> =>
  onScript(args, script, { ...place(), now })
const newKey = (who: string, out = `${who}.key.json`, run = answered): Promise<PtyRun> =>
  run(
    ['key', 'new', '--person', who, '--name', `${who} Example`, '--out', out],
    [
      ['New passphrase', `${SECRET}\n`],
      ['again:', `${SECRET}\n`],
    ],
  )
const yes = (count: number): Script =>
  Array.from({ length: count }, () => ['(yes/no)', 'yes\n'] as const)
const withPassphrase: Script = [['Passphrase of', `${SECRET}\n`]]

/** Writes evidence of `runner` by which each item passes now. */
async function measureAll(runner: SigningRunner): Promise<void> {
  const at = instantFromMs(Date.now())
  const now = (draft: EvidenceDraft): EvidenceDraft => ({
    ...draft,
    identity: { ...draft.identity, code },
    started_at: at,
    ended_at: at,
  })
  await fullEvidence(folder, now, { known: runner })
}
let runner: SigningRunner
async function newRunner(): Promise<SigningRunner> {
  const runner = await makeRunnerKey(join(folder, '.ff/runner.pem'))
  const { kid, jwk } = runner
  const shown = { kind: 'public_key', schemaVersion: 1, person: 'ci', name: 'CI', kid, jwk }
  await writeFile(join(folder, 'ci.pub.json'), JSON.stringify(shown))
  return runner
}

beforeAll(async () => {
  folder = await gateFolder()
  runner = await newRunner()
  for (const [who, run] of [
    ['alice', ff],
    ['bob', answered],
  ] as const) {
    const made = await newKey(who, `${who}.key.json`, run)
    expect(made.screen).not.toContain(SECRET)
    expect(made.status).toBe(0)
    const shown = await plain(['key', 'show', `${who}.key.json`])
    await writeFile(join(folder, `${who}.pub.json`), shown.stdout)
  }
  const init = ['trust', 'init', '--platform-lead', 'alice.pub.json', '--security-lead']
  expect((await plain([...init, 'bob.pub.json', '--runner', 'ci.pub.json'])).status).toBe(0)
  pin = (await plain(['trust', 'pin'])).stdout.trim().replace('FF_TRUST_SHA256=', '')
  await measureAll(runner)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('key files', () => {
  test('a key file has no private half in the clear, and is never overwritten', async () => {
    const text = await readFile(join(folder, 'alice.key.json'), 'utf8')
    expect(Object.keys(JSON.parse(text).jwk)).toEqual(['kty', 'crv', 'x'])
    const again = await newKey('mallory', 'alice.key.json')
    expect([again.status, again.screen]).toEqual([
      2,
      expect.stringContaining('[file_exists, exit usage]'),
    ])
    expect(await readFile(join(folder, 'alice.key.json'), 'utf8')).toBe(text)
  })
  const asked = ['key', 'new', '--person', 'carol', '--name', 'Carol', '--out', 'carol.key.json']
  test.each<readonly [string, Script, number]>([
    ['passphrase_weak', [['New passphrase', 'short\n']], 2],
    [
      'passphrase_wrong',
      [
        ['New passphrase', `${SECRET}\n`],
        ['again:', 'something else\n'],
      ],
      2,
    ],
    ['interrupted', [['New passphrase', '\u0003']], 130],
    ['interrupted', [['New passphrase', '\u0004']], 130],
  ])('%s', async (code, script, status) => {
    const run = await ff(asked, script)
    expect([run.status, run.screen]).toEqual([status, expect.stringContaining(`[${code},`)])
  })
  test('a key is not made without a terminal', async () => {
    const run = await plain(asked)
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('[terminal_missing,')])
  })
})

describe('the trust file', () => {
  test('is trusted under its own pin only', async () => {
    const show = async (value: string) => {
      const env = { FF_TRUST_SHA256: value }
      const run = await runFf(['trust', 'show', '--format', 'json'], { cwd: folder, env })
      return [
        run.status,
        JSON.parse(run.stdout).findings?.[0]?.code ?? JSON.parse(run.stdout).error?.code,
      ]
    }
    expect(await show(pin)).toEqual([0, undefined])
    expect(await show('')).toEqual([23, 'trust_pin_missing'])
    expect(await show(digest('other'))).toEqual([23, 'trust_pin_mismatch'])
    expect(await show('ABC')).toEqual([2, 'setting_invalid'])
  })
  test('is not overwritten by a second init', async () => {
    const init = [
      'trust',
      'init',
      '--platform-lead',
      'alice.pub.json',
      '--security-lead',
      'bob.pub.json',
    ]
    expect((await plain(init)).stderr).toContain('[file_exists,')
  })
})

const signoff = async () =>
  JSON.parse(await readFile(join(folder, 'checklists/signoff.json'), 'utf8'))
const signing = (who: string) => ['signoff', 'sign', '--key', `${who}.key.json`]
const sign = (who: string, script: Script) => answered(signing(who), script)

describe('two people sign', () => {
  test('request, sign, sign, verify: from not ready to verified', async () => {
    expect((await gated(['signoff', 'request'])).screen).toContain(
      'Prepared: GO, with 40 items accepted',
    )
    expect((await gated(['signoff', 'verify'])).status).toBe(21)
    const early = await answered(signing('alice'), [], soon(-1))
    expect([early.status, early.screen]).toEqual([23, expect.stringContaining('[clock_set_back,')])
    const first = await typed(signing('alice'), [...yes(2), ...withPassphrase])
    expect([first.status, first.screen]).toEqual([
      0,
      expect.stringContaining('alice signed as platform-lead'),
    ])
    expect(first.screen).toContain('Decision    GO')
    expect(first.screen).toContain('you have not signed before')
    expect(first.screen).not.toContain(SECRET)
    expect((await gated(['signoff', 'verify'])).status).toBe(21)
    expect((await sign('alice', [])).screen).toContain('[signed_already,')
    const second = await sign('bob', [...yes(4), ...withPassphrase])
    expect(second.status).toBe(0)
    const verified = await gated(['signoff', 'verify'])
    expect([verified.status, verified.screen]).toEqual([0, expect.stringContaining('2 of 2 hold')])
    const [one] = (await signoff()).signatures
    const header = JSON.parse(Buffer.from(one.protected, 'base64url').toString())
    expect(header).toMatchObject({ alg: 'Ed25519', typ: 'ff-signoff+jws', crit: ['ff'] })
    expect(header.ff.attests).toEqual(['I4', 'J1'])
  })

  test('a signer sees the changes since their last signature before the questions', async () => {
    code = 'sha256:bb'
    const stale = await gated(['signoff', 'verify'])
    expect([stale.status, stale.screen]).toEqual([21, expect.stringContaining('code_changed')])
    expect((await sign('alice', [])).screen).toContain('[signoff_stale,')
    await measureAll(runner)
    expect((await gated(['signoff', 'request'])).status).toBe(0)
    const run = await sign('alice', [
      [`code: ${CODE} -> sha256:bb`, ''],
      ['(yes/no)', 'no\n'],
    ])
    expect([run.status, run.screen]).toEqual([21, expect.stringContaining('[not_attested,')])
    expect((await signoff()).signatures).toEqual([])
    code = CODE
    await measureAll(runner)
  })

  test('signed copies are merged with add', async () => {
    await gated(['signoff', 'request'])
    const empty = await readFile(join(folder, 'checklists/signoff.json'), 'utf8')
    await sign('alice', [...yes(2), ...withPassphrase])
    const byAlice = await readFile(join(folder, 'checklists/signoff.json'), 'utf8')
    await writeFile(join(folder, 'alice-signed.json'), byAlice)
    await writeFile(join(folder, 'checklists/signoff.json'), empty)
    await sign('bob', [...yes(4), ...withPassphrase])
    expect((await gated(['signoff', 'add', 'alice-signed.json'])).screen).toContain('added: 1')
    expect((await gated(['signoff', 'verify'])).status).toBe(0)
  })

  test('a revocation takes effect once both roles have signed the next trust file and the pin is set', async () => {
    await gated(['signoff', 'revoke', '--reason', 'the image was withdrawn'])
    const rotate = (who: string, file: readonly string[]) =>
      answered(
        ['trust', 'rotate', ...file, '--key', `${who}.key.json`],
        [...yes(1), ...withPassphrase],
      )
    const begun = await rotate('alice', ['checklists/trust-next.json'])
    expect(begun.screen).toContain('Still to sign, with ff trust rotate: security-lead')
    expect((await gated(['signoff', 'verify'])).status).toBe(0)
    expect((await rotate('alice', [])).screen).toContain('[signed_already,')
    const { screen } = await rotate('bob', [])
    const [, next = ''] = /FF_TRUST_SHA256=([0-9a-f]{64})/.exec(screen) ?? []
    const steps = ['1. Merge', '2. Set', next, '3. Seal', 'CI'].map((part) => screen.indexOf(part))
    expect(steps.slice(0, 4)).toEqual(steps.slice(0, 4).sort((a, b) => a - b))
    expect(steps).not.toContain(-1)
    const outdated = await gated(['gate'])
    expect([outdated.status, outdated.screen]).toEqual([
      23,
      expect.stringContaining('trust_pin_outdated'),
    ])
    pin = next
    const run = await gated(['signoff', 'verify'])
    expect([run.status, run.screen]).toEqual([23, expect.stringContaining('statement_revoked')])
  })
})

describe('signing is refused for', () => {
  beforeAll(async () => {
    await gated(['evidence', 'seal'])
    expect((await gated(['signoff', 'request'])).status).toBe(0)
  })
  test('a wrong passphrase', async () => {
    const run = await typed(signing('alice'), [...yes(2), ['Passphrase of', 'something else\n']])
    expect([run.status, run.screen]).toEqual([2, expect.stringContaining('[passphrase_wrong,')])
    expect(run.screen).not.toContain('something else')
  })
  test.each([
    ['a loose mode', 0o644, 23, 'key_file_loose'],
    ['readable by its group', 0o640, 23, 'key_file_loose'],
  ])('a key file with %s', async (_what, mode, status, code) => {
    await chmod(join(folder, 'alice.key.json'), mode)
    const run = await sign('alice', [])
    await chmod(join(folder, 'alice.key.json'), 0o600)
    expect([run.status, run.screen]).toEqual([status, expect.stringContaining(`[${code},`)])
  })
  test('a key file that is missing, malformed or unreadable', async () => {
    expect((await sign('missing', [])).screen).toContain('[key_file_missing, exit usage]')
    await writeFile(join(folder, 'bad.key.json'), '{}', { mode: 0o600 })
    expect((await sign('bad', [])).screen).toContain('[key_file_malformed, exit usage]')
    const own = await answered(['signoff', 'sign', '--key', '/proc/self/mem'], [])
    expect(own.screen).toContain('key_file_')
  })
  test('each altered member of a key file', async () => {
    const text = await readFile(join(folder, 'alice.key.json'), 'utf8')
    const file = JSON.parse(text)
    const altered = { ...file, name: 'Mallory Example' }
    await writeFile(join(folder, 'altered.key.json'), JSON.stringify(altered), { mode: 0o600 })
    expect((await sign('altered', [...yes(2), ...withPassphrase])).screen).toContain(
      '[passphrase_wrong,',
    )
  })
  test('a key that the trust file does not name', async () => {
    await newKey('mallory')
    const run = await sign('mallory', [])
    expect([run.status, run.screen]).toEqual([23, expect.stringContaining('[signer_unknown,')])
  })
  test('no terminal', async () => {
    const run = await plain(['signoff', 'sign', '--key', 'alice.key.json'])
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('[terminal_missing,')])
  })
  test('a missing key option', async () => {
    expect((await answered(['signoff', 'sign'], [])).screen).toContain('[option_invalid,')
  })
  test('an incomplete identity', async () => {
    const plan = join(folder, 'checklists/plan.json')
    const text = await readFile(plan, 'utf8')
    await rm(plan)
    const run = await gated(['signoff', 'request'])
    await writeFile(plan, text)
    expect([run.status, run.screen]).toEqual([22, expect.stringContaining('[identity_incomplete,')])
  })
  test('a checklist that is looser than the package’s: neither requested, signed nor verified', async () => {
    const path = join(folder, 'checklists/cutover_readiness_checklist.json')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('"min_sample": 12', '"min_sample": 1'))
    const runs = [
      await gated(['signoff', 'request']),
      await sign('alice', []),
      await gated(['signoff', 'verify']),
    ]
    await writeFile(path, text)
    for (const { status, screen } of runs) {
      expect([status, screen]).toEqual([2, expect.stringContaining('[checklist_loosened,')])
      expect(screen).toContain('A1 min_sample: 12 in the package, 1 here')
    }
  })
  test('a statement of a no-go, which no request writes', async () => {
    const text = await readFile(join(folder, 'checklists/signoff.json'), 'utf8')
    const { payload } = JSON.parse(text) as { payload: string }
    const statement = Buffer.from(payload, 'base64url').toString()
    const other = statement.replace('"decision":"go"', '"decision":"no-go"')
    expect(other).not.toBe(statement)
    const envelope = { payload: Buffer.from(other).toString('base64url'), signatures: [] }
    await writeFile(join(folder, 'checklists/signoff.json'), envelopeText(envelope))
    const run = await sign('alice', [])
    await writeFile(join(folder, 'checklists/signoff.json'), text)
    expect([run.status, run.screen]).toEqual([23, expect.stringContaining('decision_no_go')])
  })
  test('an item that has failed since the request', async () => {
    await measureAgain({ cwd: folder }, 'A1', { result: 'fail', codes: ['token_accepted'] })
    const run = await sign('alice', [])
    await measureAgain({ cwd: folder }, 'A1')
    expect([run.status, run.screen]).toEqual([21, expect.stringContaining('[signoff_stale,')])
    expect(run.screen).toContain('A1 token_accepted')
  })
})

describe('a request is refused, and lists what is open,', () => {
  const wanted = async (status: number, error: string, open: string): Promise<void> => {
    const before = await readFile(join(folder, 'checklists/signoff.json'), 'utf8')
    const { status: ended, screen } = await gated(['signoff', 'request'])
    expect([ended, screen]).toEqual([status, expect.stringContaining(`[${error}, exit`)])
    expect(screen).toContain(open)
    expect(await readFile(join(folder, 'checklists/signoff.json'), 'utf8')).toBe(before)
  }
  test('while an item fails', async () => {
    await measureAgain({ cwd: folder }, 'A1', { result: 'fail', codes: ['token_accepted'] })
    await wanted(20, 'request_no_go', 'A1 fail: token_accepted')
    await measureAgain({ cwd: folder }, 'A1')
  })
  test('while an item could not be measured', async () => {
    await measureAgain({ cwd: folder }, 'A1', { result: 'inconclusive', codes: ['flaky'] })
    await wanted(22, 'request_inconclusive', 'A1 inconclusive: flaky')
    await measureAgain({ cwd: folder }, 'A1')
  })
  test('while an item is stale', async () => {
    code = 'sha256:never-measured'
    await wanted(21, 'request_not_ready', 'J3 stale: identity_changed')
    code = CODE
  })
  test('while a log is not sealed, and for nothing else', async () => {
    const late = await gated(['signoff', 'request'], soon(1 / 24 + 0.001))
    expect([late.status, late.screen]).toEqual([21, expect.stringContaining('head_stale: runner')])
    expect((await gated(['signoff', 'request'])).status).toBe(0)
  })
})

describe('--signer-cmd', () => {
  const signer = (line: string, script: Script = yes(2)) =>
    answered(['signoff', 'sign', '--signer-cmd', line, '--person', 'card'], script)
  const card = generateKeyPairSync('ed25519')

  beforeAll(async () => {
    // A new trust file names a platform lead whose key is on a smart card.
    const jwk = card.publicKey.export({ format: 'jwk' }) as never
    const pem = card.privateKey.export({ type: 'pkcs8', format: 'pem' })
    expect(createPrivateKey(pem).asymmetricKeyType).toBe('ed25519')
    await writeFile(join(folder, 'card.pem'), pem)
    const shown = { kind: 'public_key', schemaVersion: 1, person: 'card', name: 'Card Example' }
    const kid = tools.thumbprint(jwk)
    await writeFile(join(folder, 'card.pub.json'), JSON.stringify({ ...shown, kid, jwk }))
    for (const name of ['trust', 'trust-chain', 'trust-rotation', 'signoff'])
      await rm(join(folder, `checklists/${name}.json`), { force: true })
    await plain([
      'trust',
      'init',
      '--platform-lead',
      'card.pub.json',
      '--security-lead',
      'bob.pub.json',
      '--runner',
      'ci.pub.json',
    ])
    pin = (await plain(['trust', 'pin'])).stdout.trim().replace('FF_TRUST_SHA256=', '')
    await rm(join(folder, '.ff/evidence'), { recursive: true })
    await measureAll(runner)
    await writeFile(
      join(folder, 'sign.mjs'),
      `import { createPrivateKey, sign } from 'node:crypto'
       import { readFileSync } from 'node:fs'
       const key = createPrivateKey(readFileSync(process.argv[2]))
       process.stdout.write(sign(null, readFileSync(0), key))`,
    )
    await gated(['evidence', 'seal'])
    const asked = await gated(['signoff', 'request'])
    expect([asked.status, asked.screen]).toEqual([0, expect.stringContaining('Prepared')])
  })
  const cases: readonly (readonly [string, string, number, string])[] = [
    ['a signature by another key', 'node sign.mjs other.pem', 23, 'signature_not_accepted'],
    ['a missing program', 'no-such-program', 22, 'signer_failed'],
    ['a program that fails', 'false', 22, 'signer_failed'],
    ['a program that writes nothing', 'true', 23, 'signature_not_accepted'],
    ['a program that writes too much', 'head -c 100000 /dev/zero', 22, 'signer_failed'],
    [
      'a pipe, which is an argument because there is no shell',
      'node sign.mjs card.pem | cat',
      0,
      'signed as platform-lead',
    ],
  ]
  test.each(cases)('%s', async (_what, line, status, code) => {
    const other = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
    await writeFile(join(folder, 'other.pem'), other)
    const run = await signer(line)
    expect([run.status, run.screen]).toEqual([status, expect.stringContaining(code)])
  })
})

describe('waivers', () => {
  const asked = (change: Readonly<Record<string, string>> = {}, item = 'E5') => {
    const given = {
      '--bound': 'db_p99_ms<=80',
      '--reason': 'the peak is a week away',
      '--risk': 'slow answers',
      '--compensation': 'two more replicas',
      '--requester': 'dora',
      '--expires': soon(7),
      ...change,
    }
    return plain([
      'waiver',
      'new',
      item,
      ...Object.entries(given)
        .flat()
        .filter((one) => one !== ''),
    ])
  }
  test('new, sign by both, lint and list', async () => {
    expect((await plain(['waiver', 'lint'])).status).toBe(0)
    expect((await asked()).stdout).toContain('Wrote WV-1')
    expect((await plain(['waiver', 'list'])).status).toBe(21)
    const run = await answered(
      ['waiver', 'sign', 'WV-1', '--key', 'bob.key.json'],
      [...yes(1), ...withPassphrase],
    )
    expect([run.status, run.screen]).toEqual([0, expect.stringContaining('bob approved WV-1')])
    expect((await plain(['waiver', 'lint'])).status).toBe(0)
    const list = async () => {
      const found = await plain(['waiver', 'list', '--format', 'json'])
      return [found.status, JSON.parse(found.stdout).items[0].title]
    }
    // The item requires the approval of both leads.
    expect(await list()).toEqual([21, expect.stringContaining('approved by bob (security-lead)')])
    const second = await answered(
      ['waiver', 'sign', 'WV-1', '--signer-cmd', 'node sign.mjs card.pem', '--person', 'card'],
      yes(1),
    )
    expect(second.status).toBe(0)
    expect(await list()).toEqual([0, expect.stringContaining('card (platform-lead)')])
  })
  test.each<readonly [string, string, Readonly<Record<string, string>>, string]>([
    ['no expiry', 'E5', { '--expires': '' }, 'option_invalid'],
    ['longer than 14 days', 'E5', { '--expires': soon(15) }, 'waiver_too_long'],
    ['an item that cannot be waived', 'A1', {}, 'waiver_item_unwaivable'],
    ['an unknown item', 'Z9', {}, 'waiver_item_unknown'],
    ['an item that has a waiver', 'E5', {}, 'waiver_item_repeated'],
    ['no bound and no code', 'E5', { '--bound': 'p99' }, 'option_invalid'],
    ['V10: a requester in upper case', 'H4', { '--requester': 'Dora' }, 'artefact_invalid'],
    ['a bound of no limit', 'H4', { '--bound': 'p99_ms<=80' }, 'waiver_bound_unknown'],
    ['a bound that is stricter', 'H4', { '--bound': 'memory_share<=0.7' }, 'not_looser'],
    ['a bound of equals', 'F4', { '--bound': 'half_open_calls<=2' }, 'waiver_bound_of_equals'],
  ])('%s', async (_what, item, change, code) => {
    const options = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== ''))
    const run = await (change['--expires'] === ''
      ? plain([
          'waiver',
          'new',
          item,
          '--bound',
          'db_p99_ms<=80',
          '--reason',
          'r',
          '--risk',
          'r',
          '--compensation',
          'c',
          '--requester',
          'dora',
        ])
      : asked(options, item))
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining(code)])
  })
  test('an edited waiver loses its approvals, and lint exits 23', async () => {
    const path = join(folder, 'checklists/waivers.json')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('"value": 80', '"value": 800'))
    const run = await plain(['waiver', 'lint', '--format', 'json'])
    await writeFile(path, text)
    expect([run.status, JSON.parse(run.stdout).findings[0].code]).toEqual([23, 'waiver_altered'])
  })
})

test('an expired trust file is refused, and its signers can sign its successor', async () => {
  const later = soon(181)
  const at = (args: readonly string[], script: Script) => answered(args, script, later)
  expect((await gated(['trust', 'show'], later)).screen).toContain('trust_expired')
  const trust = JSON.parse(await readFile(join(folder, 'checklists/trust.json'), 'utf8'))
  const next = { ...trust, version: trust.version + 1, expires: soon(200) }
  await writeFile(join(folder, 'next.json'), JSON.stringify(next))
  const card = ['--signer-cmd', 'node sign.mjs card.pem', '--person', 'card']
  expect((await at(['trust', 'rotate', 'next.json', ...card], yes(1))).status).toBe(0)
  const last = await at(
    ['trust', 'rotate', '--key', 'bob.key.json'],
    [...yes(1), ...withPassphrase],
  )
  expect(last.status).toBe(0)
  pin = /FF_TRUST_SHA256=([0-9a-f]{64})/.exec(last.screen)?.[1] ?? ''
  const shown = await gated(['trust', 'show'], later)
  expect([shown.status, shown.screen]).toEqual([0, expect.stringContaining('version')])
})
