import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readRunnerKey } from '../../src/adapters/evidence-log/runner-key.ts'
import { adapters } from '../../src/composition.ts'
import type { EvidenceDraft, Where } from '../../src/core/gate/types.ts'
import { instantFromMs } from '../../src/core/rows/instant.ts'
import { CHECKLIST } from '../core/gate/builders.ts'
import {
  connect,
  getUrl,
  migratedDatabase,
  startServer,
  type TestDatabase,
} from '../support/database.ts'
import { fullEvidence, gateFolder } from '../support/gate-folder.ts'
import { onTerminal, type PtyRun, type Script } from '../support/pty.ts'
import { ROOT, type Run, spawnFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { flagLine, storeFolder, tenantLine } from '../support/store-folder.ts'

const PLACES = ['target', 'staging', 'scratch'] as const satisfies readonly Where[]
const SECRET = 'correct horse battery'
/** They take seconds or minutes each: measured in a full run. */
const SLOW: ReadonlySet<string> = new Set(
  ['A4', 'A5', 'B3', 'C4', 'C5', 'D2', 'D3', 'E2', 'E3', 'E4', 'F2', 'F4', 'G1', 'I3'].filter(
    () => !FULL,
  ),
)
/** These measure instances of staging, of which there are none; G3 reads its database, which on loopback counts as scratch. */
const OF_STAGING: ReadonlySet<string> = new Set(
  'C3 D1 D4 E5 F1 F5 G3 H1 H2 H3 H4 I1 I2 I4'.split(' '),
)
/** The items of a place: those that are measured here, and those whose records the test writes. */
function splitItems(place: Where): Record<'measured' | 'written', readonly string[]> {
  const own = CHECKLIST.items.filter(({ where }) => where === place)
  const isWritten = ({ id }: (typeof own)[number]): boolean => SLOW.has(id) || OF_STAGING.has(id)
  const list = (wanted: boolean): readonly string[] =>
    own.filter((item) => isWritten(item) === wanted).map(({ id }) => id)
  return { measured: list(false), written: list(true) }
}

const service = `svc_three_${process.pid}`
let home = ''
/** The folder of the team, a git repository. */
let team = ''
let store = ''
let database: TestDatabase
let env: Readonly<Record<string, string>> = {}

const at = (place: string): string => join(home, place)
const git = async (cwd: string, ...args: readonly string[]): Promise<void> =>
  void (await promisify(execFile)(
    'git',
    ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args],
    { cwd },
  ))
/** Runs a command that has to end 0. */
async function ff(cwd: string, ...args: readonly string[]): Promise<Run> {
  const run = await spawnFf(args, { cwd, env })
  if (run.status !== 0)
    throw new Error(`ff ${args.join(' ')} ended ${run.status}: ${run.stdout}${run.stderr}`)
  return run
}
async function person(args: readonly string[], script: Script): Promise<PtyRun> {
  const program = [process.execPath, join(ROOT, 'dist/bin/ff.js')]
  const run = await onTerminal([...program, ...args], script, { cwd: team, env })
  if (run.status !== 0) throw new Error(`ff ${args.join(' ')} ended ${run.status}: ${run.screen}`)
  return run
}
const keyOf = (who: string, kind: 'key' | 'pub'): string => at(`people/${who}.${kind}.json`)

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ff-three-'))
  await mkdir(at('people'))
  await startServer('15')
  database = await migratedDatabase('18')
  store = await storeFolder([
    flagLine('ff.a', 'boolean'),
    tenantLine('T1', 'ff.a', { value: 'true' }),
  ])
  const admin = await connect('18', database.database)
  await admin.query(`CREATE ROLE ${service} LOGIN IN ROLE ff_app`)
  await admin.end()
  env = { FF_DATABASE_URL: database.url }
  await ff(home, 'import', store)
})
afterAll(async () => {
  await database.drop()
  const admin = await connect('18')
  await admin.query(`DROP ROLE ${service}`)
  await admin.end()
  await Promise.all([home, store, team].map((path) => rm(path, { recursive: true, force: true })))
})

/** A folder of a team whose plan is about the database, in a git repository. */
async function makeTeam(): Promise<void> {
  team = await gateFolder()
  const path = join(team, 'checklists/plan.json')
  const spec = { kind: 'postgres', url: database.url, name: 'target' } as const
  const identity = await adapters.identifyDatabase(spec, { oldest: 15, newest: 18 })
  const plan = JSON.parse(await readFile(path, 'utf8')) as object
  await writeFile(
    path,
    JSON.stringify({ ...plan, database: identity, staging_database: identity }, null, 2),
  )
  await writeFile(join(team, 'service.txt'), 'the code\n')
  await git(team, 'init', '--quiet')
}

/** Makes a runner's key, as `ff init` does on its machine. @returns its public key file */
async function makeRunner(place: Where): Promise<string> {
  await mkdir(at(`${place}-key`))
  await ff(at(`${place}-key`), 'init')
  const path = at(`${place}-key/.ff/runner.pub.json`)
  await writeFile(
    path,
    JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), name: place }),
  )
  return path
}

async function makePerson(who: string): Promise<void> {
  await person(
    ['key', 'new', '--person', who, '--name', `${who} Example`, '--out', keyOf(who, 'key')],
    [
      ['New passphrase', `${SECRET}\n`],
      ['again:', `${SECRET}\n`],
    ],
  )
  await writeFile(keyOf(who, 'pub'), (await ff(team, 'key', 'show', keyOf(who, 'key'))).stdout)
}

/** The machine of a runner: a clone of the repository and a key of its own. It measures, and seals its log. */
async function measureAt(place: Where): Promise<void> {
  const cwd = at(place)
  await git(home, 'clone', '--quiet', team, cwd)
  await cp(at(`${place}-key/.ff`), join(cwd, '.ff'), { recursive: true })
  await ff(cwd, 'evidence', 'seal', '--first')
  const { measured, written } = splitItems(place)
  const targets = ['--store', `file:${store}`, '--scratch', getUrl('15', 'postgres')]
  const url = getUrl('18', database.database, service)
  if (measured.length > 0) await ff(cwd, 'probe', 'run', ...measured, '--database', url, ...targets)
  const code = await adapters.codeVersion(cwd)
  const known = await readRunnerKey(join(cwd, '.ff/runner.pem'))
  // Not before the trust file names the runner, which may be less than two seconds ago.
  const now = instantFromMs(Date.now())
  const toWritten = (draft: EvidenceDraft): EvidenceDraft | null =>
    written.includes(draft.item) ? { ...draft, started_at: now, ended_at: now } : null
  await fullEvidence(cwd, toWritten, { known, code })
  await ff(cwd, 'evidence', 'seal')
}

const yes = (count: number): Script =>
  Array.from({ length: count }, () => ['(yes/no)', 'yes\n'] as const)
const sign = (who: string, questions: number): Promise<PtyRun> =>
  person(
    ['signoff', 'sign', '--key', keyOf(who, 'key')],
    [...yes(questions), ['Passphrase of', `${SECRET}\n`]],
  )

test(
  'V19: two people and three runners reach a GO without FF_CODE_VERSION, and committing it changes nothing',
  async () => {
    await makeTeam()
    const runners: string[] = []
    for (const place of PLACES) runners.push('--runner', await makeRunner(place))
    for (const who of ['alice', 'bob']) await makePerson(who)
    const leads = ['--platform-lead', keyOf('alice', 'pub'), '--security-lead', keyOf('bob', 'pub')]
    await ff(team, 'trust', 'init', ...leads, ...runners)
    const { stdout } = await ff(team, 'trust', 'pin')
    env = { FF_TRUST_SHA256: stdout.trim().replace('FF_TRUST_SHA256=', '') }
    await git(team, 'add', '-A')
    await git(team, 'commit', '--quiet', '-m', 'the plan')

    await Promise.all(PLACES.map(measureAt))
    for (const place of PLACES)
      await ff(team, 'evidence', 'import', join(at(place), '.ff/evidence'))
    expect((await spawnFf(['gate'], { cwd: team, env })).status).toBe(21)

    await ff(team, 'signoff', 'request')
    await sign('alice', 2)
    await sign('bob', 4)
    const gate = await ff(team, 'gate')
    expect(gate.stdout).toMatch(/all +42 {2}42 pass/)

    await git(team, 'add', '-A')
    await git(team, 'commit', '--quiet', '-m', 'the sign-off')
    await ff(team, 'gate')
    await git(home, 'clone', '--quiet', team, at('elsewhere'))
    await ff(at('elsewhere'), 'gate')
    await writeFile(at('elsewhere/service.txt'), 'other code\n')
    expect((await spawnFf(['gate'], { cwd: at('elsewhere'), env })).status).toBe(21)
  },
  FULL ? 900_000 : 240_000,
)
