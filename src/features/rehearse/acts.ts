import { createHash } from 'node:crypto'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EMPTY_HEAD } from '../../core/audit/record.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { KeepOpen } from '../../concurrency/open-all.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { RowSource } from '../../ports/rows.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import type { ProbeContext } from '../probes/framework/probe.ts'
import { toServiceUrl } from '../probes/testbed/crash-targets.ts'
import { markScratch } from '../probes/testbed/managed-cutover.ts'
import { identifyTarget } from '../probes/testbed/production-guard.ts'
import { type RehearsedLoad, startLoad, startRehearsed } from './instances.ts'
import type { RehearsalPlatform } from './platform.ts'
import {
  PRIVATE,
  QUICK_KEY,
  type RehearsalAct,
  type RehearsedRows,
  SERVICE_TARGET,
} from './steps.ts'

/** A rehearsal on its way. */
export interface RehearsalState {
  readonly context: ProbeContext
  readonly platform: RehearsalPlatform
  readonly rows: RehearsedRows
  readonly keep: KeepOpen
  /** Settings of each command from here on. */
  env: Readonly<Record<string, string>>
  load: RehearsedLoad | null
}

const ROLE = 'ff_rehearsal_service'
const RUNBOOK = `# Runbook of a rehearsal

1. \`ff cutover advance\` until \`ff cutover status\` says complete.
2. Back: \`ff cutover rollback --to file\`.
`

/** What each act does. @returns what was done, in words; null where the step says it all */
export const ACTS: Readonly<
  Record<RehearsalAct, (state: RehearsalState) => Promise<string | null>>
> = {
  copy_store: async ({ context, rows }) => {
    if (rows.kind === 'mapped') return null
    const source = { kind: 'file', folder: rows.folder } as const
    return withRows(context, source, async (held) => {
      const about = { epoch: 0, head: EMPTY_HEAD, counts: held.counts }
      await context.adapters.writeNewStore(getStore(context), about, toBytes(held.lines()))
      return `${Object.values(held.counts).reduce((sum, one) => sum + one, 0)} rows`
    })
  },
  add_role: async (state) => {
    const { database } = state.platform
    // A role belongs to the server, which is that of this rehearsal alone.
    await database.run(`CREATE ROLE ${ROLE} LOGIN IN ROLE ff_app`)
    const { target } = database
    const url = target.kind === 'postgres' ? target.url.replace(/\/\/[^@/]*@/, `//${ROLE}@`) : ''
    state.env = { ...state.env, [SERVICE_TARGET]: url }
    return ROLE
  },
  mark_scratch: async ({ context }) => {
    await markScratch(context, getStore(context))
    return null
  },
  start_instances: async (state) => {
    const { context, keep, env } = state
    const own = {
      ...env,
      FF_DATABASE_URL: toServiceUrl(env[SERVICE_TARGET] ?? ''),
    }
    const instances = [
      await startRehearsed(context, own, keep),
      await startRehearsed(context, own, keep),
    ]
    const FF_STAGING_URL = instances.map(({ service, admin }) => `${service},${admin}`).join(' ')
    state.env = { ...env, FF_STAGING_URL }
    return FF_STAGING_URL
  },
  start_load: async (state) => {
    const { context, env } = state
    const [caller = ''] = (await readFile(env['FF_STAGING_TOKEN_FILE'] ?? '', 'utf8')).split('\n')
    const instances = (env['FF_STAGING_URL'] ?? '').split(' ').map((one) => {
      const [service = '', admin = ''] = one.split(',')
      return { service, admin }
    })
    const flag = await findFlag(context)
    state.load = startLoad(context, { instances, flag, caller })
    return flag
  },
  end_load: async (state) => {
    const arrivals = (await state.load?.end()) ?? []
    state.load = null
    const failed = arrivals.filter(({ ok }) => !ok).length
    if (arrivals.length > 0 && failed === 0) return `${arrivals.length} evaluations, 0 failed`
    throw new FfError(
      'proof_inconclusive',
      `Of ${arrivals.length} evaluations during the steps ${failed} failed.`,
      { hint: 'Run `ff rehearse --keep` again without other load on this machine.' },
    )
  },
  make_key: async ({ context: { adapters, cwd } }) => {
    await adapters.makeRunner(join(cwd, QUICK_KEY))
    return QUICK_KEY
  },
  write_files: async ({ context: { cwd } }) => {
    await writeFile(join(cwd, 'checklists/runbook.md'), RUNBOOK)
    const name = 'rollback_triggers.json'
    await copyFile(join(cwd, 'checklists/templates', name), join(cwd, 'checklists', name))
    return null
  },
  fill_plan: async ({ context, platform }) => {
    const path = join(context.cwd, 'checklists/plan.json')
    const database = await identifyTarget(platform.database.target, context)
    const { record } = await (await context.adapters.openCutoverFile(getStore(context))).read()
    const plan = JSON.parse(await readFile(path, 'utf8')) as object
    const now = context.now().getTime()
    const change = {
      attempt: record.attempt,
      staging_database: database,
      on_call: ['platform on-call', 'database on-call'].map((role) => ({
        role,
        name: `${role} of the rehearsal`,
        contact: 'none in a rehearsal',
      })),
      admin: {
        checklist_digest: createHash('sha256').update('rehearsal').digest('hex'),
        verdict: 'go',
        date: instantFromMs(now - 60_000),
        contact: 'none in a rehearsal',
      },
      runbook_digest: createHash('sha256').update(RUNBOOK).digest('hex'),
    }
    await writeFile(path, `${JSON.stringify({ ...plan, ...change }, null, 2)}\n`)
    return `attempt ${record.attempt}, database ${database}`
  },
}

const getStore = ({ cwd }: ProbeContext): string => join(cwd, PRIVATE, 'store')

async function withRows<T>(
  { adapters, root }: ProbeContext,
  spec: TargetSpec,
  use: (rows: RowSource) => Promise<T>,
): Promise<T> {
  const rows = await adapters.openRows(spec, await loadPersistence(root))
  try {
    return await use(rows)
  } finally {
    await rows.close()
  }
}

async function* toBytes(lines: ReturnType<RowSource['lines']>): AsyncGenerator<Buffer> {
  for await (const { bytes } of lines) yield bytes
}

/** The first flag of the store. @throws FfError `nothing_to_check` where it has none */
const findFlag = (context: ProbeContext): Promise<string> =>
  withRows(context, { kind: 'file', folder: getStore(context) }, async (rows) => {
    for await (const { bytes } of rows.lines()) {
      const [first = ''] = bytes.toString('utf8').split('\n', 1)
      const found = /"flag_key":"([^"]+)"/.exec(first)?.[1]
      if (found !== undefined) return found
    }
    throw new FfError(
      'nothing_to_check',
      'The store holds no flag, so there is nothing to rehearse.',
      {
        hint: 'Name a store with rows by --store, or leave it out for the sample.',
      },
    )
  })
