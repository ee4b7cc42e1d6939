import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { loadAuth } from '../tokens/jwks-check.ts'
import { resolveApprovalsPlan } from '../serve/admin-settings.ts'
import { checkAuth, checkEnvironment } from '../tokens/auth-settings.ts'
import { checkBacklog, checkDelivery, type DeliveryRequest } from './delivery-checks.ts'
import { validateArtefacts } from './validate-artefacts.ts'

export interface DoctorRequest extends DeliveryRequest {
  readonly nodeVersion: string
  /** Name and target of each side that a run without options uses. */
  readonly targets: readonly (readonly [name: string, spec: TargetSpec])[]
  /** Each setting with its value and origin, of a secret only whether it is set; and each variable that is no setting. */
  readonly shown: readonly (readonly [name: string, shown: string])[]
}

/**
 * `ff doctor`: performs the first steps of a run, and reports each as an item. Opens and closes each target; does not
 * call Admin. A step that throws an FfError fails if it exits as `usage`, is inconclusive otherwise, and does not
 * stop the others.
 *
 * @throws errors that are not an FfError
 */
export async function checkSetup(request: DoctorRequest): Promise<CheckReport> {
  const { root, adapters, targets } = request
  const checks: readonly (readonly [string, () => Promise<CheckResult | string>])[] = [
    ['node', () => checkNode(request.nodeVersion)],
    ['start-up', () => checkStartUp(root, request.settings)],
    ['approvals', () => checkApprovals(request)],
    ...request.shown.map(([name, shown]) => [name, () => Promise.resolve(shown)] as const),
    ['artefacts', () => checkArtefacts(root)],
    ...targets.map(([name, spec]) => [name, () => checkTarget(root, spec, adapters)] as const),
    ['audit delivery', () => checkDelivery(request)],
    ...(request.settings.FF_KAFKA_BROKERS === null
      ? []
      : [['audit backlog', () => checkBacklog(request)] as const]),
  ]
  const items: CheckResult[] = []
  const exits: FfError['exitName'][] = []
  for (const [id, check] of checks) {
    try {
      const found = await check()
      items.push(typeof found === 'string' ? passResult(id, found) : found)
    } catch (error) {
      if (!(error instanceof FfError)) throw error
      exits.push(error.exitName)
      items.push({
        id,
        title: error.message,
        state: error.exitName === 'usage' ? 'fail' : 'inconclusive',
        findings: [{ code: error.code, pointer: null, detail: error.message }],
        next: error.hint,
      })
    }
  }
  // A bad setting or artefact exits as `usage`, not as a measured failure.
  return buildCheckReport('doctor', items, { exits })
}

/** Runs the checks of the settings that a service makes before it starts. */
async function checkStartUp(root: string, settings: SettingValues): Promise<string> {
  const environment = checkEnvironment(settings)
  const url = settings.FF_JWKS_URL
  const column = `counts as ${environment}`
  const { notes } = await loadAuth(root)
  // Without a key server no token is accepted, so the issuer is optional; a value that is set is still checked.
  checkAuth(notes, settings, url === null ? '' : null)
  if (url === null) return `${column}; without FF_JWKS_URL no token is accepted`
  return `${column}; keys from ${url.origin}`
}

/** The source of approvals, by the settings alone: Admin is not called. */
async function checkApprovals({ settings }: DoctorRequest): Promise<string> {
  const plan = await resolveApprovalsPlan(settings, checkEnvironment(settings))
  if (plan.kind === 'admin') return `from Admin at ${plan.url.origin}`
  if (plan.kind === 'file') return `from a file with ${plan.approvals.length} approvals`
  return 'FF_ADMIN_URL is not set, so no approval holds'
}

function checkNode(version: string): Promise<string> {
  const [major = 0, minor = 0] = version.replace('v', '').split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return Promise.resolve(version)
  throw new FfError('setting_invalid', `Node.js is ${version}, and ff needs 20.19 or newer.`, {
    hint: 'Install a newer Node.js, then run `ff doctor` again.',
  })
}

async function checkArtefacts(root: string): Promise<string> {
  const report = await validateArtefacts(root, [])
  const broken = report.items.filter(({ state }) => state !== 'pass').map(({ id }) => id)
  if (broken.length === 0) return `${report.items.length} artefacts are valid`
  throw new FfError(
    'artefact_invalid',
    `Artefacts of the package are not valid: ${broken.join(', ')}.`,
    {
      hint: 'Run `ff artefacts validate` to see each problem, or install the package again.',
    },
  )
}

/** Opens the target with scratch state of its own, as a run does, and closes it again. */
async function checkTarget(root: string, spec: TargetSpec, adapters: Adapters): Promise<string> {
  const { migrations, versions } = await loadPersistence(root)
  const scratch = await adapters.openScratch(spec, { migrations, versions })
  await scratch.close()
  const { target, server } = scratch.facts
  return server === null ? target : `${target}, PostgreSQL ${server}`
}
