import { join } from 'node:path'
import {
  activeWaivers,
  isApproved,
  findWaiverFaults,
  isFor,
  type WaiverRules,
  type WaiverTarget,
} from '../../core/gate/waivers.ts'
import type { Waiver, WaiverCover } from '../../core/gate/types.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { verifyWaivers, formatWaiver } from '../../core/signoff/waivers.ts'
import type { WaiverEntry, Waivers } from '../../core/signoff/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { escapeLine } from '../../core/text/terminal.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadChecklist, parsePlan } from '../team-folder/load-gate-files.ts'
import { type SignoffContext, requireTrusted, parseWaivers } from './context.ts'
import { withFolderLock } from './folder-lock.ts'
import { readFileIfPresent, SIGNOFF_FILES, writeBelow } from '../team-folder/signoff-files.ts'
import {
  resolveSigningKey,
  type SigningKeyChoice,
  signAndVerify,
  requireTerminal,
} from './signing-key.ts'

export type WaiverRequest = Omit<
  WaiverEntry,
  'id' | 'requested_at' | 'approvals' | keyof WaiverTarget
>

/**
 * `ff waiver new`: adds a waiver without approvals to the waivers file, for the cutover, attempt and environment of
 * the plan.
 *
 * @returns its id, `WV-` and the next number
 * @throws FfError `artefact_invalid` where it breaks a rule, there is no plan or a file of the folder is invalid,
 *   `checklist_loosened`, `waiver_altered`, `signoff_locked`, `signoff_unwritable`, `output_failed`
 */
export const newWaiver = (context: SignoffContext, request: WaiverRequest): Promise<string> =>
  withFolderLock(context, async () => addWaiver(await readAgain(context), request))

/** The context with the waivers as they are now. */
async function readAgain(context: SignoffContext): Promise<SignoffContext> {
  const shown = SIGNOFF_FILES.waivers
  const waivers = await readFileIfPresent(join(context.cwd, shown), shown)
  return { ...context, texts: { ...context.texts, waivers } }
}

async function addWaiver(context: SignoffContext, request: WaiverRequest): Promise<string> {
  const before = parseWaivers(context)
  const numbers = before.waivers.map(({ id }) => Number(id.replace(/^\D+/, '')))
  const id = `WV-${Math.max(0, ...numbers) + 1}`
  const { item, ...terms } = request
  const target = requireTarget(context)
  const entry: WaiverEntry = {
    id,
    item,
    ...target,
    ...terms,
    requested_at: context.now,
    approvals: [],
  }
  const after = { ...before, waivers: [...before.waivers, entry] }
  const wrong = (await findFormFaults(context, after)).filter((one) => one.id === id)
  const shaped = context.tools.shape('waivers', after)
  const details = [
    ...(shaped.ok ? [] : [shaped.detail]),
    ...wrong.map(({ code, detail }) => `${code}: ${detail}`),
  ]
  if (details.length > 0)
    throw new FfError(
      'artefact_invalid',
      `The waiver for ${quoteValue(request.item)} breaks a rule, so it was not written.`,
      {
        hint: `See with \`ff checklist explain ${quoteForShell(request.item)}\` what may be waived, and request less.`,
        details,
      },
    )
  await writeWaivers(context, after)
  return id
}

/** The cutover that the plan names. @throws FfError `artefact_invalid` without a plan */
function requireTarget({ texts }: SignoffContext): WaiverTarget {
  const plan = parsePlan(texts)
  if (plan !== null) {
    const { environment, cutover_id, attempt } = plan
    return { environment, cutover_id, attempt }
  }
  throw new FfError(
    'artefact_invalid',
    `${SIGNOFF_FILES.plan} does not exist, and a waiver is for the cutover of the plan.`,
    { hint: 'Run `ff init`, complete the plan, then run the same command again.' },
  )
}

/**
 * `ff waiver sign ID`: shows the waiver, asks, and writes the approval of one person; it replaces an approval by the
 * same key. A later change of the waiver invalidates it.
 *
 * @returns a line that names the person and the waiver
 * @throws FfError `terminal_missing`, `trust_refused`, `artefact_invalid`, also where the waiver was changed
 *   meanwhile, `waiver_altered`, `option_invalid` for an unknown id, `not_attested`, `signoff_locked`,
 *   `signoff_unwritable`, `output_failed`, and the errors of the key and its signer
 */
export async function signWaiver(
  context: SignoffContext,
  id: string,
  choice: SigningKeyChoice,
): Promise<string> {
  const terminal = requireTerminal(context)
  const { trust } = requireTrusted(context)
  const before = parseWaivers(context)
  const entry = before.waivers.find((one) => one.id === id)
  if (entry === undefined)
    throw new FfError(
      'option_invalid',
      `There is no waiver ${quoteValue(id)} in ${SIGNOFF_FILES.waivers}.`,
      {
        hint: 'List the waivers with `ff waiver list`.',
        unknown: { name: id, known: before.waivers.map((one) => one.id) },
      },
    )
  const signingKey = await resolveSigningKey(context, trust, choice)
  const { person, role, kid } = signingKey.signer
  const text = formatWaiver(entry)
  terminal.show(`${escapeLine(text)}\n`)
  if ((await terminal.ask(`Do you approve ${id} for ${entry.item}, ${person}? (yes/no)`)) !== 'yes')
    throw new FfError('not_attested', `${id} was not approved, so nothing was signed.`, {
      hint: `Without the waiver the item has to pass: repair it, then run \`ff probe run ${quoteForShell(entry.item)}\`.`,
    })
  const payload = context.tools.encode(text)
  const toSign = { trust, payload, typ: 'ff-waiver+jws', attests: [] } as const
  const { protected: shown, signature } = await signAndVerify(context, signingKey, toSign)
  const approval = { person, role, kid, jws: `${shown}.${payload}.${signature}` }
  await withFolderLock(context, async () => {
    // Read again: another person may have approved in the meantime.
    const latest = parseWaivers(await readAgain(context))
    const own = latest.waivers.find((one) => one.id === id && formatWaiver(one) === text)
    if (own === undefined)
      throw new FfError('artefact_invalid', `${id} was changed while you read it.`, {
        hint: `Read and approve it again with \`ff waiver sign ${id}\`.`,
      })
    const approvals = [...own.approvals.filter((one) => one.kid !== kid), approval]
    const waivers = latest.waivers.map((one) => (one.id === id ? { ...one, approvals } : one))
    await writeWaivers(context, { ...latest, waivers })
  })
  return `${person} approved ${id}`
}

const writeWaivers = (context: SignoffContext, waivers: Waivers): Promise<void> =>
  writeBelow(context.cwd, SIGNOFF_FILES.waivers, `${JSON.stringify(waivers, null, 2)}\n`)

interface WaiverProblem {
  readonly id: string
  readonly code: string
  readonly detail: string
}

/**
 * `ff waiver lint`: checks every rule and every approval; an item for each waiver, or one that passes without
 * waivers. A bad approval counts for exit `untrusted`, and any problem for `usage`; the report takes one by
 * precedence.
 *
 * @throws FfError `artefact_invalid` for a waivers file that cannot be parsed or an invalid checklist or plan,
 *   `waiver_altered`, `checklist_loosened`
 */
export async function lintWaivers(context: SignoffContext): Promise<CheckReport> {
  const written = parseWaivers(context)
  const { faults } = verifyWaiverApprovals(context, written)
  const problems = [...(await findFormFaults(context, written)), ...faults]
  const items = written.waivers.map(({ id, item }) => {
    const own = problems.filter((one) => one.id === id)
    return own.length === 0 ? passResult(id, `for ${item}`) : toFailedResult(id, `for ${item}`, own)
  })
  const none = passResult(SIGNOFF_FILES.waivers, 'no waivers')
  return buildCheckReport('waiver_lint', items.length === 0 ? [none] : items, {
    exits: [...(faults.length > 0 ? (['untrusted'] as const) : []), ...toUsageExit(problems)],
  })
}

const toUsageExit = (problems: readonly WaiverProblem[]) =>
  problems.length === 0 ? [] : (['usage'] as const)

const toFailedResult = (id: string, title: string, own: readonly WaiverProblem[]): CheckResult => ({
  id,
  title,
  state: 'fail',
  findings: own.map(({ code, detail }) => ({ code, pointer: null, detail })),
  next: null,
})

/**
 * `ff waiver list`: valid approvals and expiry of each waiver. A waiver in force passes; one that is for another
 * cutover, expired or not approved is pending. One item that passes without waivers.
 *
 * @throws FfError `artefact_invalid` for a waivers file that cannot be parsed or an invalid checklist or plan,
 *   `waiver_altered`, `checklist_loosened`
 */
export async function listWaivers(context: SignoffContext): Promise<CheckReport> {
  const { waivers } = verifyWaiverApprovals(context, parseWaivers(context))
  const rules = await loadRules(context)
  const target = findTarget(context)
  const items = waivers.map((one) => {
    const waivable = rules.items.find(({ id }) => id === one.item)?.waivable ?? 'no'
    const codes = [
      !isFor(one, target) && 'waiver_for_another_cutover',
      context.now >= one.expires_at && 'waiver_expired',
      !isApproved(one, waivable) && 'waiver_not_approved',
    ]
    return toWaiverResult(one, codes.find((code) => code !== false) ?? null)
  })
  const none = passResult(SIGNOFF_FILES.waivers, 'no waivers')
  return buildCheckReport('waiver_list', items.length === 0 ? [none] : items)
}

function toWaiverResult(
  { id, item, expires_at, approvals }: Waiver,
  code: string | null,
): CheckResult {
  const who = approvals.map(({ person, role }) => `${person} (${role})`).join(', ')
  const title = `for ${item} until ${expires_at}, ${who === '' ? 'not approved' : `approved by ${who}`}`
  if (code === null) return passResult(id, title)
  const next =
    code === 'waiver_not_approved' ? `Run ff waiver sign ${id} --key alice.key.json.` : null
  return { id, title, state: 'pending', findings: [{ code, pointer: null, detail: item }], next }
}

/**
 * The waivers with their valid approvals only, and the fault of every other approval; without a trusted trust file no
 * approval is valid.
 */
export const verifyWaiverApprovals = ({ trust, now, tools }: SignoffContext, waivers: Waivers) =>
  verifyWaivers(waivers, { trust: trust.status === 'trusted' ? trust.trust : null, now }, tools)

async function findFormFaults(
  context: SignoffContext,
  { waivers }: Waivers,
): Promise<readonly WaiverProblem[]> {
  const rules = await loadRules(context)
  const dated = waivers.map((one) => ({
    ...one,
    requested_at: one.requested_at as Instant,
    expires_at: one.expires_at as Instant,
  }))
  const broken = findWaiverFaults(dated, rules).map(({ at, code }) => {
    return { id: waivers[at]?.id ?? '', code, detail: waivers[at]?.item ?? '' }
  })
  const { max_active } = rules.policy
  const active = activeWaivers(dated, findTarget(context), context.now)
  const many = active.slice(max_active).map(({ id }) => {
    return { id, code: 'waivers_too_many', detail: `${active.length}, at most ${max_active}` }
  })
  return [...broken, ...many]
}

/** The cutover of the plan; null members, which no waiver is for, without a plan. */
const findTarget = ({ texts }: SignoffContext) =>
  parsePlan(texts) ?? { environment: null, cutover_id: null, attempt: null }

/** The waiver policy of the contract, or that of the trust file where it is stricter. */
async function loadRules({ root, cwd, trust }: SignoffContext): Promise<WaiverRules> {
  const { checklist, contract } = await loadChecklist({ root, cwd, checklist: null })
  const own = trust.status === 'trusted' ? trust.trust.waiver_policy : contract.waivers
  return {
    items: checklist.value.items,
    policy: {
      max_active: Math.min(own.max_active, contract.waivers.max_active),
      max_days: Math.min(own.max_days, contract.waivers.max_days),
    },
  }
}

const BOUND = /^([a-z][a-z0-9_]{0,63})(<=|>=)(-?\d+(?:\.\d+)?)$/
/**
 * Parses the cover of a waiver: bounds such as `db_p99_ms<=80` cover a fail, a reason code covers an inconclusive.
 *
 * @throws FfError `option_invalid` for both, for neither, or for a bound of another form
 */
export function parseWaiverCover(bounds: readonly string[], code: string | null): WaiverCover {
  const read = bounds.map((text) => BOUND.exec(text))
  if ((code === null) === (bounds.length === 0) || read.includes(null))
    throw new FfError(
      'option_invalid',
      `The waiver has --bound ${quoteValue(bounds.join(' '))} and --code ${quoteValue(code ?? '')}: it takes either bounds, MEASURE<=VALUE or MEASURE>=VALUE, or a code.`,
      {
        hint: 'Add for example `--bound "db_p99_ms<=80"` to cover a fail, or `--code pg_dump_missing` to cover an inconclusive.',
      },
    )
  if (code !== null) return { state: 'inconclusive', code }
  return {
    state: 'fail',
    bounds: read.map((found) => {
      const [, measure = '', sign, value] = found ?? []
      return { measure, op: sign === '<=' ? 'at_most' : 'at_least', value: Number(value) }
    }),
  }
}
