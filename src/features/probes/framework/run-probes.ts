import { mapConcurrently } from '../../../concurrency/map-concurrently.ts'
import { getEnding } from '../../../concurrency/ended.ts'
import { createSignoffDependencies } from '../../../artefacts/documents.ts'
import { digestItem, type InputTerms, selectInputs } from '../../../core/gate/inputs.ts'
import { chooseControls, findControlFault } from '../../../core/gate/controls.ts'
import type { ChecklistItem, EvidenceDraft, WholeLog } from '../../../core/gate/types.ts'
import type { CheckReport, ProbeExplanation, ProbeRow } from '../../../core/report/types.ts'
import { FfError } from '../../../errors.ts'
import type { EvidenceRunner, EvidenceWriter } from '../../../ports/evidence.ts'
import { buildCheckReport, type CheckResult } from '../../../core/report/check-report.ts'
import {
  type GateFiles,
  type GateFolder,
  loadChecklist,
  toGateFiles,
} from '../../team-folder/load-gate-files.ts'
import { readRunnerTrust, requireLogHere } from '../../item-states/runner-trust.ts'
import { digestInputs } from '../../team-folder/digest-inputs.ts'
import { readSignoffFiles } from '../../team-folder/signoff-files.ts'
import { buildIdentity, type RunningVersion } from '../../team-folder/identity.ts'
import { findProbe, type ProbeLookup } from '../index.ts'
import {
  type JudgedControl,
  toCheckResult,
  toPendingResult,
  toUnmeasuredResult,
} from './item-results.ts'
import type { Probe, ProbeContext } from './probe.ts'
import { runControls } from './run-controls.ts'
import { describeStagingNeeds, noteProbe, requireDisrupting } from './staging.ts'
import { type ProbeRecordTerms, type ProbeRun, runProbe, toInstant } from './run-probe.ts'

/** The options of `ff probe run` and `ff probe selftest`, loaded. */
export interface ProbeRequest
  extends
    RunningVersion,
    Pick<ProbeContext, 'adapters' | 'targets' | 'environment' | 'now' | 'signal'> {
  readonly folder: GateFolder
  /** The folder of the evidence logs. */
  readonly evidence: string
  /** The runner's key file, and whether to create a missing one. */
  readonly key: { readonly path: string; readonly make: boolean }
  readonly tool_version: string
  readonly repeat: number
  /** Ids of the items that may disrupt staging. */
  readonly may_disrupt: readonly string[]
  /** Ids of items; empty for every item that has a probe. */
  readonly ids: readonly string[]
  /** FF_TRUST_SHA256; null where it is not set. */
  readonly trust_pin: string | null
  /** Called before the first measurement with the signing runner, and whether the trust file names it, or has ended it. */
  readonly onRunner: (
    runner: EvidenceRunner & { readonly isNamed: boolean; readonly hasEnded: boolean },
  ) => void
  /** Called on each change of the progress. */
  readonly progress: (progress: Progress) => void
}
/** Finished and all, in the unit of the counter. */
type Count = readonly [done: number, of: number]
/** The progress of a run. */
export interface Progress {
  /** Finished items and all items, by group of the checklist. */
  readonly groups: ReadonlyMap<string, Count>
  /** Progress of each running item, by id, in its probe's own unit. */
  readonly running: ReadonlyMap<string, Count>
}
/** The unsigned records of one item, in the order of their times. */
type Work = (item: ChecklistItem, probe: Probe, run: ProbeRun) => Promise<readonly EvidenceDraft[]>

/**
 * `ff probe run`: measures the items of `ids`, with their `with_probe` controls, and appends a signed record for
 * each measurement and for the control of each limit to the evidence log. Without ids, measures each item that has a
 * probe. Parallel probes run first, three at once, then one at a time the exclusive ones and those that measure instances
 * of staging, which may have no other callers. The report holds one
 * result for each item: `inconclusive` for a named item without a probe, where the control of a limit is missing or
 * was not detected, and for a pass that was measured elsewhere than the item says; `pending` for one that an ended run
 * did not finish, of which nothing is recorded; the exit of an ended run is that of its ending.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `waiver_altered`, `option_invalid` for an id that is not
 *   in the checklist or that may disrupt and does not, `setting_invalid` for a malformed pin, `log_not_here`, and the errors of the evidence log and
 *   the runner's key: `evidence_locked`, `evidence_untrusted`, `evidence_unreadable`, `evidence_old_form`,
 *   `evidence_unwritable`, `disk_full`, `clock_set_back`, `trust_refused`, `runner_key_invalid`, `key_file_loose`
 */
export const probeRun = (request: ProbeRequest): Promise<CheckReport> =>
  runAll('probe_run', request, measureWithControls)

/**
 * `ff probe selftest`: runs all controls of the named items (of each that has a probe where none is named), without
 * their measurement, and appends a signed record of each to the evidence log. An item passes where its probe reports
 * each planted fault as a breach of its very limit.
 *
 * @throws FfError as `probeRun`: `option_invalid` for an id that is not in the checklist, `artefact_invalid`,
 *   `checklist_loosened`, `waiver_altered`, `setting_invalid`, `log_not_here`, and the errors of the evidence log
 *   and the runner's key
 */
export const probeSelftest = (request: ProbeRequest): Promise<CheckReport> =>
  runAll('probe_selftest', request, (item, probe, run) =>
    runControls(item, probe, { ...run, rules: item.controls }),
  )

/** Nothing that was not measured needs a control. */
const measureWithControls: Work = async (item, probe, run) => {
  const draft = await runProbe(item, probe, run)
  if (draft.result !== 'pass' && draft.result !== 'fail') return [draft]
  const rules = item.controls.filter((one) => one.run === 'with_probe')
  return [draft, ...(await runControls(item, probe, { ...run, rules }))]
}

/**
 * `ff probe list`: one row for each item of the checklist, in its order. `needs` is null where `findProbe` finds a
 * probe, else the missing part. Measures nothing.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`
 */
export async function probeList(folder: GateFolder): Promise<readonly ProbeRow[]> {
  const { checklist } = await loadChecklist(folder)
  return checklist.value.items.map((item) => toProbeRow(findProbe(item)))
}

function toProbeRow(found: ProbeLookup): ProbeRow {
  const { id, title, probe, where, effect, ...item } = found.item
  const needs = found.ok ? null : found.needs
  const controls = item.controls.map(({ limit, name }) => ({ limit, name }))
  return { id, title, probe: probe.name, where, effect, controls, needs }
}

/**
 * `ff probe explain ID`: the row of `probeList` for one item, its limits, and what its probe needs to measure the
 * instances of staging. Measures nothing.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `option_invalid` for an unknown id
 */
export async function probeExplain(folder: GateFolder, id: string): Promise<ProbeExplanation> {
  const { checklist } = await loadChecklist(folder)
  const [found] = selectItems(checklist.value.items, [id]) as readonly [ProbeLookup]
  const { limits } = found.item
  return { ...toProbeRow(found), limits, staging: found.ok ? listStagingNeeds(found) : null }
}

function listStagingNeeds({
  item,
  probe,
}: Extract<ProbeLookup, { ok: true }>): ProbeExplanation['staging'] {
  if (probe.staging !== undefined) return describeStagingNeeds(item, probe.staging)
  if (item.where !== 'staging') return null
  return [
    '--database or FF_DATABASE_URL: the database that staging_database of checklists/plan.json names',
  ]
}

/** Probes that run at once: each starts one or two servers of its own. */
const CONCURRENCY = 3

async function runAll(
  kind: 'probe_run' | 'probe_selftest',
  request: ProbeRequest,
  work: Work,
): Promise<CheckReport> {
  const started = request.now()
  const texts = await readSignoffFiles(request.folder)
  const files = await toGateFiles(request.folder.root, texts)
  const chosen = selectItems(files.checklist.value.items, request.ids)
  requireDisrupting(files.checklist.value.items, request.may_disrupt)
  const { adapters, evidence, key, now } = request
  const trust = await readRunnerTrust(texts, request, adapters)
  const { writer, runner } = await adapters.openEvidence(evidence, {
    shapes: files,
    key,
    now,
    sight: trust.sight,
    onLog: (log) => requireLogHere(log, trust),
  })
  try {
    request.onRunner({
      ...runner,
      isNamed: trust.findRunner(runner.kid) !== null,
      hasEnded: trust.hasEnded(runner.kid),
    })
    const tools = createSignoffDependencies(await adapters.signoffCrypto())
    const inputs = { floor: files.contract.inputs, present: digestInputs(texts, files, tools) }
    const logs = await adapters.judgeEvidence(await adapters.readEvidence(evidence), files)
    const known = logs.status === 'whole' ? logs.logs : []
    const { sha256 } = tools
    const run = new ItemsRun(request, files, {
      writer,
      runner: runner.kid,
      work,
      inputs,
      known,
      sha256,
    })
    const checked = await run.runAll(chosen)
    const { signal } = request
    const ending = getEnding(signal)
    const timing = {
      started_at: started.toISOString(),
      duration_ms: now().getTime() - started.getTime(),
      ms: run.ms,
    }
    return buildCheckReport(kind, checked, {
      timing,
      ...(ending === null ? {} : { exits: [ending] }),
    })
  } finally {
    await writer.close()
  }
}

/**
 * The items of `ids` in the order of the checklist; all items with a probe where `ids` is empty.
 *
 * @throws FfError `option_invalid`
 */
function selectItems(
  items: readonly ChecklistItem[],
  ids: readonly string[],
): readonly ProbeLookup[] {
  const unknown = ids.find((id) => !items.some((one) => one.id === id))
  if (unknown !== undefined)
    throw new FfError('option_invalid', `The checklist has no item ${unknown}.`, {
      hint: '`ff checklist show` lists them.',
      unknown: { name: unknown, known: items.map(({ id }) => id) },
    })
  const all = items.map(findProbe)
  return ids.length === 0
    ? all.filter(({ ok }) => ok)
    : all.filter(({ item }) => ids.includes(item.id))
}

interface RunDependencies {
  readonly writer: EvidenceWriter
  readonly runner: string
  readonly work: Work
  /** As of the start of the run. */
  readonly inputs: InputTerms
  /** The logs at the start of the run, whose controls count too; none where they are not trusted. */
  readonly known: readonly WholeLog[]
  readonly sha256: (text: string) => string
}
/** One run over the selected items, and its progress. */
class ItemsRun implements Progress {
  readonly ms: Record<string, number> = {}
  private readonly ended: Promise<null>
  private readonly request: ProbeRequest
  private readonly context: ProbeContext
  private readonly terms: ProbeRecordTerms
  private readonly deps: RunDependencies
  private logs: readonly WholeLog[]
  readonly groups = new Map<string, Count>()
  readonly running = new Map<string, Count>()
  /** Serializes the appends to the log. */
  private written: Promise<void> = Promise.resolve()

  constructor(request: ProbeRequest, files: GateFiles, deps: RunDependencies) {
    const { folder, tool_version, repeat } = request
    const { adapters, targets, environment, now, signal } = request
    this.request = request
    this.deps = deps
    this.logs = deps.known
    this.ended = resolveOnAbort(signal)
    this.terms = { identity: buildIdentity(request, files), tool_version, repeat }
    const { root, cwd } = folder
    const { plan, triggers } = files
    const progress = (): void => undefined
    const mayDisrupt = new Set(request.may_disrupt)
    const given = { adapters, targets, environment, now, signal, runner: deps.runner, mayDisrupt }
    this.context = { root, cwd, ...given, plan, triggers, params: {}, progress }
  }

  /** Runs parallel probes first, then those that run alone. */
  async runAll(chosen: readonly ProbeLookup[]): Promise<readonly CheckResult[]> {
    for (const { item } of chosen) this.count(item.group, [0, 1])
    this.reportProgress()
    const places = chosen.map((one, at) => [one, at] as const)
    const isAlone = ([one]: (typeof places)[number]): boolean =>
      one.ok && (one.probe.isolation === 'exclusive' || this.isPointed(one.probe))
    const [alone, parallel] = [places.filter(isAlone), places.filter((one) => !isAlone(one))]
    const checked: (CheckResult | null)[] = chosen.map(() => null)
    const runAt = async ([one, at]: readonly [ProbeLookup, number]): Promise<void> => {
      if (this.request.signal.aborted) return
      checked[at] = await this.runItem(one)
    }
    await mapConcurrently(parallel, CONCURRENCY, runAt)
    await mapConcurrently(alone, 1, runAt)
    return checked.map((one, at) => one ?? toPendingResult(chosen[at] as ProbeLookup))
  }

  private async runItem(found: ProbeLookup): Promise<CheckResult | null> {
    const { item } = found
    const drafts = found.ok ? await this.measure(item, found.probe) : null
    if (found.ok && drafts === null) return null
    this.running.delete(item.id)
    this.count(item.group, [1, 0])
    this.reportProgress()
    if (drafts === null) return toUnmeasuredResult(found as Exclude<ProbeLookup, { ok: true }>)
    const [measured] = drafts.filter(({ kind }) => kind === 'measurement')
    return toCheckResult(item, measured ?? null, {
      controls: this.findControls(item),
      staging_database: this.context.plan?.staging_database ?? null,
    })
  }

  /** The fault of each control, by the records of the logs and of this run. */
  private findControls(item: ChecklistItem): readonly JudgedControl[] {
    const item_digest = digestItem(item, this.deps.sha256)
    const { code, build } = this.terms.identity
    const now = toInstant(this.context)
    const terms = { code, build, item_digest, now }
    return chooseControls(item, this.logs, { runners: [], now }).map((chosen) => ({
      ...chosen.rule,
      code: findControlFault(item, chosen, terms),
      example: chosen.entries.at(-1)?.record.example ?? null,
    }))
  }

  /** Whether a probe measures the instances of staging. */
  private isPointed({ staging }: Probe): boolean {
    return staging !== undefined && this.context.targets.staging !== undefined
  }

  /** Null where the run was ended meanwhile; nothing is recorded then. */
  private async measure(
    item: ChecklistItem,
    probe: Probe,
  ): Promise<readonly EvidenceDraft[] | null> {
    const { now, signal } = this.request
    const from = now().getTime()
    const onStaging = (): Promise<() => Promise<void>> => noteProbe(item, this.context)
    try {
      const progress = (done: number, of: number): void => {
        this.running.set(item.id, [done, of])
        this.reportProgress()
      }
      const context = { ...this.context, progress }
      const work = this.deps.work(item, probe, { context, terms: this.terms, onStaging })
      // The report waits for a probe that is slow to end where it has to leave staging as it was; others clean up by themselves.
      const drafts = await (this.isPointed(probe) ? work : Promise.race([work, this.ended]))
      if (drafts === null || signal.aborted) return null
      for (const draft of drafts) await this.append(this.bind(item, draft))
      this.ms[item.id] = now().getTime() - from
      return drafts
    } catch (error) {
      if (signal.aborted) return null
      throw error
    }
  }

  /** Adds the digests of the item and, to a measurement, of its inputs. */
  private bind(item: ChecklistItem, draft: EvidenceDraft): EvidenceDraft {
    const { inputs, sha256 } = this.deps
    const identity = { ...draft.identity, item_digest: digestItem(item, sha256) }
    return draft.kind === 'control'
      ? { ...draft, identity }
      : { ...draft, identity, inputs: selectInputs(item, inputs) }
  }

  private append(draft: EvidenceDraft): Promise<void> {
    this.written = this.written.then(async () => {
      const entry = await this.deps.writer.append(draft)
      this.logs = this.logs.map((log) =>
        log.kid === entry.runner ? { ...log, entries: [...log.entries, entry] } : log,
      )
    })
    return this.written
  }

  private count(group: string, [done, of]: Count): void {
    const [before, all] = this.groups.get(group) ?? [0, 0]
    this.groups.set(group, [before + done, all + of])
  }

  private reportProgress(): void {
    this.request.progress(this)
  }
}

/** Resolves when the run is ended. */
const resolveOnAbort = (signal: AbortSignal): Promise<null> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }))
