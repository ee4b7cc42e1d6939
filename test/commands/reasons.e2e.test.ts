import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findReason, REASONS, type ReasonCode } from '../../src/core/gate/reasons.ts'
import { type EvidenceDraft, PLACES } from '../../src/core/gate/types.ts'
import type { GateReport } from '../../src/core/report/types.ts'
import type { Envelope, SignatureHeader } from '../../src/core/signoff/types.ts'
import { canonicalizeObject } from '../../src/core/signoff/read-document.ts'
import {
  alice,
  bob,
  digest,
  encode,
  envelopeText,
  makePerson,
  signRaw,
  toHeader,
} from '../features/signoff/people.ts'
import {
  changeTrust,
  controlAgain,
  measureAgain,
  type SignedFolder,
  signedFolder,
} from '../support/signed-folder.ts'
import { type Run, runFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'

/** A folder of one case, with the environment and the clock that its commands see. */
interface Place {
  readonly cwd: string
  readonly runner: SignedFolder['runner']
  env: Record<string, string>
  now: string | undefined
}
interface Case {
  /** Brings the folder into a state with the reason. */
  readonly make: (place: Place) => Promise<unknown>
  /** What a person does, as the words of the reason say; the table marks these reasons. */
  readonly person?: (place: Place) => Promise<unknown>
  /** The next command of the whole run afterwards, where the command of the reason only leads on. */
  readonly leadsOn?: RegExp
  /** The item that has the reason; the run as a whole by default where none has. */
  readonly item?: string
}

let go: SignedFolder
let waived: SignedFolder
const folders: string[] = []
beforeAll(async () => {
  go = await signedFolder()
  waived = await signedFolder({ waived: true })
})
afterAll(async () => {
  for (const cwd of [go.cwd, waived.cwd, ...folders])
    await rm(cwd, { recursive: true, force: true })
})
async function copied(): Promise<Place> {
  const cwd = await mkdtemp(join(tmpdir(), 'ff-reason-'))
  folders.push(cwd)
  await cp(go.cwd, cwd, { recursive: true })
  return { cwd, runner: go.runner, env: { ...go.env }, now: undefined }
}

const HOUR_MS = 3_600_000
const later = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString()
const ff = ({ cwd, env, now }: Place, args: readonly string[]): Promise<Run> =>
  runFf(args, { cwd, env, ...(now === undefined ? {} : { now }) })
async function gate(place: Place): Promise<GateReport> {
  const { stdout } = await ff(place, ['gate', '--format', 'json'])
  return JSON.parse(stdout) as GateReport
}
const hasReason = (report: GateReport, code: string, item: string | undefined): boolean =>
  report.findings.some((one) => one.code === code && (item ?? one.subject) === one.subject)

/** The printed words and command of a reason: of its item, else of the run. */
function getStep(report: GateReport, code: string, item: string | undefined) {
  const own = report.items.filter(({ codes }) => codes.includes(code))
  const isFirst = findReason(code).first === true
  const found = isFirst ? report : (own.find(({ id }) => id === item) ?? own[0] ?? report)
  return { fix: found.fix ?? '', next: found.next }
}

/** The `ff` commands of a step in their order, as words: those of the words, then the next one. */
const listCommands = ({ fix, next }: ReturnType<typeof getStep>): readonly (readonly string[])[] =>
  [...[...fix.matchAll(/`([^`]+)`/g)].map(([, line = '']) => line), next ?? '']
    .flatMap((line) => line.split('&&'))
    .map((line) => line.trim().split(' '))
    .filter(([program]) => program === 'ff')
    .map(([, ...words]) => words)

/** A document as a test changes it. */
type Parsed = ReturnType<typeof JSON.parse>
const SIGNOFF = 'checklists/signoff.json'
const PLAN = 'checklists/plan.json'
const readEnvelope = async ({ cwd }: Place): Promise<Envelope> =>
  JSON.parse(await readFile(join(cwd, SIGNOFF), 'utf8')) as Envelope
const writeEnvelope = async ({ cwd }: Place, envelope: object): Promise<void> =>
  writeFile(join(cwd, SIGNOFF), envelopeText(envelope))
const soon = (ms = 0): string => new Date(Date.now() + ms).toISOString()

/** Both sign the statement of the folder, with a change. */
async function signStatement(
  place: Place,
  change: (statement: Parsed) => void,
  header: Partial<SignatureHeader['ff']> = {},
  people = [alice, bob],
): Promise<void> {
  const { payload, signatures } = await readEnvelope(place)
  const statement = JSON.parse(Buffer.from(payload, 'base64url').toString())
  change(statement)
  const other = encode(canonicalizeObject(statement))
  const headers = signatures.map(({ protected: shown }) => decode(shown))
  await writeEnvelope(place, {
    payload: other,
    signatures: people.map((who) => {
      const own = headers.find(({ ff: { role } }) => role === who.role)
      const said = { attests: own?.ff.attests ?? [], signed_at: soon(), ...header }
      return signRaw(other, toHeader(who, said), who.key)
    }),
  })
}
const decode = (shown: string): SignatureHeader =>
  JSON.parse(Buffer.from(shown, 'base64url').toString()) as SignatureHeader

const stated = (change: (statement: Parsed) => void): Case => ({
  make: (place) => signStatement(place, change),
})
const identified = (member: string, value: unknown): Case =>
  stated(({ predicate }) => (predicate.identity[member] = value))
const subject = (name: string): Case =>
  stated((statement) => {
    statement.subject = statement.subject.map((one: Parsed) =>
      one.name === name ? { name: one.name, digest: { sha256: digest('another') } } : one,
    )
  })
/** The person looks into it; the command alone ends the reason. */
const byHand = { person: async () => undefined }
/** The header of the first signature is changed, and it is signed again. */
const headed = (change: (header: Parsed) => void): Case => ({
  ...byHand,
  make: async (place) => {
    const { payload, signatures } = await readEnvelope(place)
    const [first, second] = signatures.map(({ protected: shown }) => decode(shown))
    const header = { ...first, ff: { ...first?.ff } }
    change(header)
    const again = signRaw(payload, header, alice.key)
    const other = signRaw(payload, second as object, bob.key)
    await writeEnvelope(place, { payload, signatures: [again, other] })
  },
})
const enveloped = (change: (envelope: Parsed) => object | string): Case => ({
  ...byHand,
  make: async (place) => {
    const changed = change(await readEnvelope(place))
    if (typeof changed !== 'string') return writeEnvelope(place, changed)
    return writeFile(join(place.cwd, SIGNOFF), changed)
  },
})

const J1 = { item: 'J1' }
const recorded = (change: Partial<EvidenceDraft>): Case => ({
  ...J1,
  make: (place) => measureAgain(place, 'J1', change),
})
/** What the probe said; a person does it, and measures again. */
const answered = (code: string): Case => ({
  item: 'J2',
  make: (place) =>
    measureAgain(place, 'J2', { result: 'inconclusive', codes: [code], example: 'Set it.' }),
  person: async () => undefined,
})
const inPlan = async (
  { cwd }: Pick<Place, 'cwd'>,
  change: (plan: Parsed) => object,
): Promise<void> => {
  const path = join(cwd, PLAN)
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))))
}
/** Another trust file, which the person pins. */
const trusting = (change: Parameters<typeof changeTrust>[1]): Case => ({
  make: async (place) => {
    place.env = { ...place.env, FF_TRUST_SHA256: await changeTrust(place.cwd, change) }
  },
})
const trustFault = (make: Case['make']): Case => ({
  make,
  person: async ({ cwd }) => {
    const names = ['checklists/trust.json', 'checklists/trust-chain.json']
    for (const name of names) {
      await rm(join(cwd, name), { force: true })
      if (name === names[0]) await cp(join(go.cwd, name), join(cwd, name))
    }
  },
})
const FAR = { from: soon(-90 * 24 * HOUR_MS), until: soon(90 * 24 * HOUR_MS) }
const signerOf = ({ person, name, role, kid, jwk }: typeof alice) => ({
  person,
  name,
  role,
  kid,
  jwk,
  ...FAR,
})

const CASES: Partial<Record<ReasonCode, Case>> = {
  no_record: {
    ...J1,
    make: async (place) => {
      for (const name of ['.ff/evidence', SIGNOFF])
        await rm(join(place.cwd, name), { recursive: true })
      await ff(place, ['evidence', 'seal', '--first'])
    },
  },
  evidence_old: { ...J1, make: async (place) => void (place.now = later(25)) },
  identity_changed: {
    ...J1,
    make: async (place) => void (place.env = { ...place.env, FF_CODE_VERSION: 'sha256:other' }),
  },
  identity_not_said: {
    ...J1,
    make: ({ cwd }) => rm(join(cwd, PLAN)),
    person: async () => undefined,
  },
  probe_changed: recorded({ probe: { name: 'plan', version: 99, params: {} } }),
  input_changed: { ...J1, make: ({ cwd }) => appendFile(join(cwd, PLAN), '\n') },
  input_missing: recorded({ inputs: {} }),
  measured_elsewhere: {
    ...recorded({ where: 'target' }),
    person: (place) => measureAgain(place, 'J1'),
  },
  plan_over: {
    ...J1,
    make: async (place) => void (place.now = later(29)),
    person: async (place) => {
      await inPlan(place, (plan) => ({
        ...plan,
        window: { from: later(30), until: later(34) },
        freeze: { from: later(1), until: later(48) },
      }))
    },
  },
  clock_set_back: {
    item: 'A1',
    make: async (place) => void (place.now = later(-2)),
    person: async (place) => void (place.now = undefined),
  },
  signed_in_future: {
    make: async (place) => void (place.now = later(-2)),
    person: async (place) => void (place.now = undefined),
  },
  runner_not_named: {
    item: 'A1',
    make: trusting({ runners: [] }).make,
    person: async (place) => {
      const { kid, jwk } = place.runner
      await trusting({ runners: [{ name: 'ci', kid, jwk, places: PLACES, ...FAR }] }).make(place)
    },
  },
  control_not_run: { ...J1, make: (place) => controlAgain(place, 'J1', { control: null }) },
  control_not_detected: {
    ...J1,
    make: (place) =>
      controlAgain(place, 'J1', {
        control: { name: 'c', outcome: 'not_detected', at: soon() as never },
      }),
  },
  limit_broken: {
    ...J1,
    make: async (place) => {
      await inPlan(place, (plan) => ({ ...plan, admin: { ...plan.admin, verdict: 'no_go' } }))
      await measureAgain(place, 'J1')
    },
    person: async (place) => {
      await inPlan(place, (plan) => ({ ...plan, admin: { ...plan.admin, verdict: 'go' } }))
    },
  },
  probe_failed: {
    ...recorded({ result: 'fail', codes: [] }),
    person: (place) => measureAgain(place, 'J1'),
  },
  measure_missing: recorded({ measured: {} }),
  too_few_samples: recorded({ sample_size: 0 }),
  flaky: recorded({ result: 'inconclusive', codes: ['flaky'] }),
  probe_broke: recorded({ result: 'error', codes: ['probe_broke'] }),
  // waivers
  waiver_not_approved: {
    item: 'H4',
    make: async (place) => {
      const measured = { memory_share: 0.85 }
      await measureAgain(place, 'H4', { result: 'fail', codes: ['limit_broken'], measured })
      const path = join(place.cwd, 'checklists/waivers.json')
      const file = JSON.parse(await readFile(join(waived.cwd, 'checklists/waivers.json'), 'utf8'))
      file.waivers[0].approvals = []
      await writeFile(path, JSON.stringify(file))
    },
    person: async (place) => {
      await rm(join(place.cwd, 'checklists/waivers.json'))
      await measureAgain(place, 'H4')
    },
  },
  waiver_altered: {
    make: async ({ cwd }) => {
      const name = 'checklists/waivers.json'
      const text = await readFile(join(waived.cwd, name), 'utf8')
      const file = JSON.parse(text)
      file.waivers[0].reason = 'another reason'
      await writeFile(join(cwd, name), JSON.stringify(file))
    },
    person: ({ cwd }) => rm(join(cwd, 'checklists/waivers.json')),
  },
  withdrawal_invalid: {
    make: ({ cwd }) => writeFile(join(cwd, 'checklists/withdrawals.json'), '{}'),
    person: ({ cwd }) => rm(join(cwd, 'checklists/withdrawals.json')),
  },
  // the logs
  log_missing: {
    make: async (place) => {
      for (const name of ['.ff/evidence', SIGNOFF])
        await rm(join(place.cwd, name), { recursive: true })
    },
  },
  head_stale: { make: async (place) => void (place.now = later(1.1)) },
  // the trust file
  trust_pin_missing: {
    make: async (place) => void (place.env = { ...place.env, FF_TRUST_SHA256: '' }),
    person: async (place) => {
      const { stdout } = await ff(place, ['trust', 'pin'])
      place.env = { ...place.env, FF_TRUST_SHA256: stdout.trim().replace('FF_TRUST_SHA256=', '') }
    },
  },
  trust_pin_mismatch: trustFault(({ cwd }) => appendFile(join(cwd, 'checklists/trust.json'), '\n')),
  trust_malformed: trustFault(async (place) => {
    await writeFile(join(place.cwd, 'checklists/trust.json'), '{}')
  }),
  // signatures
  signature_missing: {
    item: 'J2',
    make: ({ cwd }) => rm(join(cwd, SIGNOFF)),
    leadsOn: /^ff signoff sign --key (alice|bob)\.key\.json$/,
  },
  signature_old: {
    item: 'J2',
    make: async (place) => {
      await trusting({ signers: [signerOf(alice), signerOf(bob)] }).make(place)
      const old = { signed_at: soon(-73 * HOUR_MS) }
      await signStatement(
        place,
        ({ predicate }) => {
          predicate.seen.records = []
          predicate.trust.sha256 = place.env['FF_TRUST_SHA256']
        },
        old,
      )
    },
  },
  accepted_since_signing: stated(({ predicate }) => {
    delete predicate.accepted.A1
  }),
  signoff_expired: stated(({ predicate }) => (predicate.not_after = soon(-1))),
  decision_no_go: stated(({ predicate }) => (predicate.decision = 'no-go')),
  environment_differs: identified('environment', 'staging'),
  cutover_differs: identified('cutover_id', 'another'),
  attempt_ahead: identified('attempt', 2),
  attempt_ended: {
    item: 'J2',
    make: ({ cwd }) => inPlan({ cwd }, (plan) => ({ ...plan, attempt: 2 })),
    leadsOn: /^ff probe run B1 /,
  },
  database_changed: identified('database', '9/9/ff'),
  schema_changed: identified('schema_head', '0001_other'),
  code_changed: identified('code', 'sha256:other'),
  config_changed: identified('config_digest', digest('other')),
  checklist_changed: subject('checklist'),
  waivers_changed: subject('waivers'),
  plan_changed: subject('plan'),
  triggers_changed: subject('rollback_triggers'),
  inputs_changed: subject('inputs'),
  signed_before_evidence: stated(({ predicate }) => {
    predicate.seen.records[0].ended_at = later(1)
  }),
  attestation_missing: {
    item: 'J2',
    make: (place) => signStatement(place, () => undefined, { attests: [] }),
  },
  key_unknown: {
    make: async (place) => {
      const mallory = makePerson('mallory', 'platform-lead')
      await signStatement(place, () => undefined, {}, [mallory, bob])
    },
  },
  role_not_of_signer: { make: headed((header) => (header.ff.role = 'security-lead')).make },
  person_not_of_signer: { make: headed((header) => (header.ff.person = 'carol')).make },
  key_repeated: { make: (place) => signStatement(place, () => undefined, {}, [alice, alice, bob]) },
  key_revoked: {
    make: async (place) => {
      const mallory = makePerson('mallory', 'platform-lead')
      const { kid } = mallory
      await trusting({
        signers: [signerOf(alice), signerOf(bob), signerOf(mallory)],
        revoked: { keys: [{ kid, at: soon(), reason: 'lost' }], statements: [] },
      }).make(place)
      await signStatement(place, () => undefined, {}, [mallory, bob])
    },
  },
  alg_none: headed((header) => (header.alg = 'none')),
  alg_symmetric: headed((header) => (header.alg = 'HS256')),
  alg_not_allowed: headed((header) => (header.alg = 'RS256')),
  typ_wrong: headed((header) => (header.typ = 'jwt')),
  header_key_embedded: headed((header) => (header.jwk = {})),
  header_malformed: headed((header) => (header.more = 1)),
  meaning_wrong: headed((header) => (header.ff.meaning = 'approves-waiver')),
  signature_invalid: enveloped(({ payload, signatures: [one, two] }) => ({
    payload,
    signatures: [{ ...one, signature: two.signature }, two],
  })),
  signature_malformed: enveloped(({ payload, signatures: [one, two] }) => ({
    payload,
    signatures: [{ ...one, signature: 'AAAA' }, two],
  })),
  payload_altered: enveloped(({ payload, signatures }) => ({
    payload: encode(`${Buffer.from(payload, 'base64url').toString()} `),
    signatures,
  })),
  envelope_malformed: enveloped(() => '{}'),
  envelope_not_canonical: enveloped((envelope) => JSON.stringify(envelope, null, 2)),
}
/** The reasons that a probe records, each with the words of the probe. */
const ANSWERS = Object.keys(REASONS).filter(
  (code) => REASONS[code as ReasonCode] === REASONS.target_missing,
)
/** Reasons that are not executed here, and where they are. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  evidence_edited: 'nowhere: its command measures everything again, which takes minutes',
  disrupt_not_allowed: 'the tests of probes at staging: its command wants instances',
  trust_missing: 'the walk, which begins without a trust file',
  role_missing: 'the walk, after the first signature',
}

describe('what the gate prints for a reason ends it, or leads on', () => {
  // The answers of probes have one row in the table of reasons.
  const own = FULL ? ANSWERS : ANSWERS.slice(0, 2)
  const all = { ...CASES, ...Object.fromEntries(own.map((code) => [code, answered(code)])) }
  test.each(Object.entries(all) as [ReasonCode, Case][])('%s', async (code, one) => {
    const place = await copied()
    await one.make(place)
    const before = await gate(place)
    expect(before.findings.map((found) => found.code)).toContain(code)
    expect(hasReason(before, code, one.item)).toBe(true)
    const step = getStep(before, code, one.item)
    expect(step.fix).toMatch(/\S/)
    // The table marks the reasons for which a person has to act.
    if (one.person !== undefined) expect(REASONS[code].person).toBe(true)
    const commands = listCommands(step)
    if (step.next === null) expect(REASONS[code].person).toBe(true)
    await one.person?.(place)
    const runs: Run[] = []
    // A rotation asks a person; the tests of rotation paste it.
    const pasted = commands.filter(([noun, verb]) => noun !== 'gate' && verb !== 'rotate')
    for (const words of pasted) runs.push(await ff(place, words))
    expect(runs.filter(({ status }) => status === 1 || status === 2)).toEqual([])
    const after = await gate(place)
    expect(hasReason(after, code, one.item)).toBe(one.leadsOn !== undefined)
    if (one.leadsOn !== undefined) expect(after.next).toMatch(one.leadsOn)
  })
})

test('every other reason proposes what one of these executes', () => {
  const known = [...Object.keys(CASES), ...ANSWERS, ...Object.keys(ELSEWHERE)]
  const rest = (Object.keys(REASONS) as ReasonCode[]).filter((code) => !known.includes(code))
  // Each of the rest proposes what one of the cases executes.
  const given = {
    item: null,
    detail: 'x',
    unclosed: false,
    waiting: [],
    signers: {},
  } as never
  const executed = new Set(known.map((code) => REASONS[code as ReasonCode].next(given)))
  for (const code of rest)
    expect([code, executed.has(REASONS[code].next(given))]).toEqual([code, true])
})
