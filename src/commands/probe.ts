import { join } from 'node:path'
import {
  probeExplain,
  probeList,
  type ProbeRequest,
  probeRun,
  probeSelftest,
} from '../features/probes/framework/run-probes.ts'
import { resolveStaging } from '../features/observe/staging-addresses.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import { isLoopback, type TargetSpec } from '../core/parity/target.ts'
import type { SettingValues } from '../core/settings/settings.ts'
import { resolveAdmin } from '../features/serve/admin-settings.ts'
import { readDigestKey, readNamedFile } from '../features/serve/secret-file.ts'
import { nameEnvironment } from '../core/auth/environment.ts'
import { FfError } from '../errors.ts'
import { formatProbeExplanation, formatProbeList } from '../reports/checklist-text.ts'
import type { Invocation } from './context.ts'
import type { CHECKLIST_DOCUMENT, PROBE, PROBE_RUN } from './declarations/options.ts'
import { printDocument } from './document.ts'
import { createGroupProgress } from './progress.ts'
import { runReportCommand } from './run-report.ts'
import { readRunningVersion } from './running-version.ts'
import { getDefaultBaseline, loadSettings } from './settings.ts'
import { readVersion } from './version.ts'

/**
 * `ff probe list`: prints each item with its probe, or what it needs before it can be measured, and ends `ok`;
 * measures nothing.
 * @throws FfError `artefact_invalid`, `checklist_loosened`
 */
export async function runProbeList(
  invocation: Invocation<typeof CHECKLIST_DOCUMENT>,
): Promise<void> {
  const { root, cwd } = invocation.context
  const rows = await probeList({ root, cwd, checklist: invocation.options.checklist })
  await printDocument(invocation, { json: rows, text: (width) => formatProbeList(rows, width) })
}

/**
 * `ff probe explain ID`: prints what the probe of an item measures and what it needs to measure staging, or the same as
 * JSON, and ends `ok`; measures nothing.
 * @throws FfError `option_invalid` for an unknown id, `artefact_invalid`, `checklist_loosened`
 */
export async function runProbeExplain(
  invocation: Invocation<typeof CHECKLIST_DOCUMENT>,
): Promise<void> {
  const { root, cwd } = invocation.context
  const folder = { root, cwd, checklist: invocation.options.checklist }
  const found = await probeExplain(folder, invocation.words[0] ?? '')
  await printDocument(invocation, {
    json: found,
    text: (width) => formatProbeExplanation(found, width),
  })
}

/**
 * `ff probe run [ID...]`: measures items, adds signed records to the evidence log, prints a report and sets its exit.
 * Makes a runner key if FF_RUNNER_KEY_FILE is not set and there is none, and says so on stderr, as it does for a
 * runner that the trust file does not name.
 * @throws FfError `target_invalid` for a bad target and for a `--scratch` that is no PostgreSQL on this machine,
 * `secret_in_option`, `option_invalid` for an unknown id, `setting_invalid`, `artefact_invalid`, `checklist_loosened`,
 * the errors of `openEvidenceLog` (such as `evidence_locked`, `evidence_untrusted`, `runner_key_invalid`), and those
 * of `runReportCommand`, such as `output_failed`
 */
export const runProbeRun = (invocation: Invocation<typeof PROBE_RUN>): Promise<void> =>
  runReportCommand(invocation, async (signal) =>
    probeRun(await withStaging(invocation, await toRequest(invocation, signal))),
  )

/**
 * `ff probe selftest [ID...]`: runs the controls of the probes alone, recording the expensive ones in the evidence
 * log; prints a report and sets its exit.
 * @throws FfError as `ff probe run`: `target_invalid`, `secret_in_option`, `option_invalid`, `setting_invalid`,
 * `artefact_invalid`, `checklist_loosened`, the errors of `openEvidenceLog`, and those of `runReportCommand`, such as
 * `output_failed`
 */
export const runProbeSelftest = (invocation: Invocation<typeof PROBE>): Promise<void> =>
  runReportCommand(invocation, async (signal) => probeSelftest(await toRequest(invocation, signal)))

async function toRequest(
  invocation: Invocation<typeof PROBE>,
  signal: AbortSignal,
): Promise<ProbeRequest> {
  const { context, options, words } = invocation
  const { root, cwd, env, adapters, now, io } = context
  const settings = await loadSettings(env, cwd)
  const { FF_RUNNER_KEY_FILE, FF_TRUST_SHA256 } = settings.values
  const path = FF_RUNNER_KEY_FILE ?? join(cwd, '.ff', 'runner.pem')
  return {
    folder: { root, cwd, checklist: options.checklist },
    evidence: options.evidence ?? join(cwd, '.ff', 'evidence'),
    key: { path, make: FF_RUNNER_KEY_FILE === null },
    ...(await readRunningVersion(context, settings)),
    tool_version: readVersion(root),
    repeat: 1,
    may_disrupt: [],
    ids: words,
    targets: getTargets(invocation, settings.values),
    environment: nameEnvironment(settings.values),
    adapters,
    now,
    signal,
    trust_pin: FF_TRUST_SHA256,
    onRunner: ({ kid, made, isNamed, hasEnded }) => {
      if (made) io.stderr(`Made a key for this runner in ${path}.\n`)
      if (!isNamed) io.stderr(hasEnded ? formatEnded(kid) : formatUnnamed(kid))
    },
    progress: createGroupProgress(invocation),
  }
}

/** Adds the instances of staging, what may disrupt them, and how often to measure. @throws FfError `target_invalid`, `setting_invalid` */
async function withStaging(
  {
    context: { env, cwd },
    options: { staging, repeat, allowDisrupt },
  }: Invocation<typeof PROBE_RUN>,
  given: ProbeRequest,
): Promise<ProbeRequest> {
  const request = { ...given, repeat, may_disrupt: allowDisrupt.flatMap((ids) => ids.split(',')) }
  const { values } = await loadSettings(env, cwd)
  const instances = resolveStaging(staging, values, env)
  if (instances.length === 0) return request
  const path = values.FF_STAGING_TOKEN_FILE
  const file = { setting: 'FF_STAGING_TOKEN_FILE', secret: true } as const
  const text = path === null ? '' : await readNamedFile({ ...file, path })
  const tokens = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
  const { FF_JWT_SCOPE_CLAIM: scopeClaim, FF_REDIS_URL: redis } = values
  const cutover = {
    leaseMs: values.FF_CUTOVER_LEASE * 1_000,
    drainMs: values.FF_DRAIN_DELAY * 1_000,
    digestKey: await readDigestKey(values.FF_AUDIT_DIGEST_KEY_FILE),
  }
  const { FF_STAGING_APPROVAL: approval, FF_STAGING_FAULTS: faults } = values
  const admin = await resolveAdmin(values)
  const target = { instances, tokens, redis, admin, approval, faults, scopeClaim, cutover }
  return { ...request, targets: { ...request.targets, staging: target } }
}

/** Said before the measurements: they can take minutes, and would not count. */
const formatUnnamed = (kid: string): string =>
  `The trust file does not name this runner, ${kid}, so no record of this run will count as a pass.\n` +
  'Name its public key: `ff trust init --platform-lead alice.pub.json --security-lead bob.pub.json --runner .ff/runner.pub.json`, or the next version by `ff trust rotate --runner .ff/runner.pub.json --key alice.key.json`.\n'

const formatEnded = (kid: string): string =>
  `The time of this runner, ${kid}, is over by the trust file, so no record of this run will count as a pass.\n` +
  'Make a new key with `rm .ff/runner.pem && ff evidence seal`, and let both leads sign `ff trust rotate --runner .ff/runner.pub.json --key alice.key.json`.\n'

function getTargets(
  { context, options }: Invocation<typeof PROBE>,
  settings: SettingValues,
): ProbeRequest['targets'] {
  const { env } = context
  const { database, store, scratch } = options
  const { FF_STORE_DIR } = settings
  const folder = FF_STORE_DIR === null ? null : getDefaultBaseline(settings)
  return {
    scratch: requireScratch(parseTargetOrThrow(scratch ?? 'embedded', env)),
    database: database === null ? settings.FF_DATABASE_URL : parseTargetOrThrow(database, env),
    store: store === null ? folder : parseTargetOrThrow(store, env),
  }
}

const SCRATCH_KINDS: ReadonlySet<TargetSpec['kind']> = new Set(['embedded', 'postgres'])
/**
 * Probes write to scratch state, so it must be on this machine: a remote server may be shared.
 *
 * @throws FfError `target_invalid`
 */
export function requireScratch(spec: TargetSpec): TargetSpec {
  if (isLoopback(spec) && SCRATCH_KINDS.has(spec.kind)) return spec
  throw new FfError(
    'target_invalid',
    'The target of --scratch is not a PostgreSQL on this machine.',
    {
      hint: 'Use --scratch embedded, or a PostgreSQL on 127.0.0.1 or a socket.',
    },
  )
}
