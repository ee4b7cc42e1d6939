import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { closeAfter } from '../../concurrency/open-all.ts'
import { throwIfEnded } from '../../concurrency/ended.ts'
import { REHEARSAL } from '../../core/auth/environment.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { getErrorCode } from '../../files/read-or-null.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { ProbeContext } from '../probes/framework/probe.ts'
import { loadChecklist } from '../team-folder/load-gate-files.ts'
import { ACTS, type RehearsalState } from './acts.ts'
import { withPlatform } from './platform.ts'
import {
  listRehearsalSteps,
  PRIVATE,
  type RehearsalOptions,
  type RehearsalStep,
  type RehearsedCommand,
  sumSeconds,
} from './steps.ts'

/** The outcome of a command. */
export interface CommandEnd {
  readonly status: number
  /** Its last line of output. */
  readonly said: string
}
export interface RehearseRequest extends RehearsalOptions {
  readonly root: string
  /** A folder that does not exist yet. */
  readonly folder: string
  /** Whether keys, tokens and the store stay. */
  readonly keep: boolean
  readonly adapters: Adapters
  readonly now: () => Date
  readonly signal: AbortSignal
  /** Variables that each command gets besides the settings of the rehearsal. */
  readonly passed: Readonly<Record<string, string>>
  readonly print: (text: string) => Promise<void>
  /** Runs a command of `ff` in which a person answers on a terminal, or keeps what it prints. */
  readonly answer: (
    command: RehearsedCommand,
    place: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ) => Promise<CommandEnd>
}
/** A command that ended otherwise than expected. */
export interface UnexpectedEnd extends CommandEnd {
  /** As a shell takes it. */
  readonly command: string
}
export interface Rehearsed {
  readonly unexpected: readonly UnexpectedEnd[]
  /** Whether all commands ran. */
  readonly finished: boolean
}

/** A command may take this many times what is expected, and no less than ten minutes. */
const PATIENCE = 20
const LEAST_PATIENCE_MS = 600_000
export const ENV_FILE = 'rehearsal.env'

/**
 * `ff rehearse`: makes a team folder and private stores, and runs each command of a cutover there as a person would; prints
 * each before it runs, with its outcome behind it. Ends every process that it started, and removes what is private.
 *
 * @throws FfError `file_exists` for the folder, `output_failed`, `artefact_invalid`; `interrupted`, `terminated`; the errors of
 *   the private parts
 */
export async function rehearse(request: RehearseRequest): Promise<Rehearsed> {
  const { root, folder, adapters, now, signal, print } = request
  await makeFolder(folder)
  const context: ProbeContext = {
    root,
    cwd: folder,
    adapters,
    targets: { scratch: { kind: 'embedded' }, database: null, store: null },
    plan: null,
    environment: REHEARSAL,
    params: {},
    now,
    signal,
    progress: () => undefined,
  }
  try {
    return await withPlatform(context, (platform) =>
      closeAfter(async (keep) => {
        const { rows } = request
        const env = { ...request.passed, ...platform.env }
        const state: RehearsalState = { context, platform, rows, keep, env, load: null }
        const items = (await loadChecklist({ root, cwd: folder, checklist: null })).checklist.value
          .items
        const steps = listRehearsalSteps(request, items, platform.parts)
        await print(`Private parts on loopback: ${platform.told.join('; ')}.\n`)
        await print(formatEstimate(steps, request))
        try {
          return await runSteps(request, state, steps)
        } finally {
          await state.load?.end()
          await writeFile(join(folder, ENV_FILE), formatEnvironment(state.env))
        }
      }),
    )
  } finally {
    if (!request.keep) await rm(join(folder, PRIVATE), { recursive: true, force: true })
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
    await mkdir(join(folder, PRIVATE), { mode: 0o700 })
    await writeFile(join(folder, PRIVATE, '.gitignore'), '*\n')
  } catch (cause) {
    const isThere = getErrorCode(cause) === 'EEXIST'
    throw new FfError(
      isThere ? 'file_exists' : 'output_failed',
      isThere
        ? `${quoteValue(folder)} exists already, and a rehearsal begins in a new folder.`
        : `The folder ${quoteValue(folder)} could not be made.`,
      {
        hint: `Name another one, such as \`ff rehearse --dir ${quoteForShell(`${folder}-2`)}\`.`,
        cause,
      },
    )
  }
}

const formatEstimate = (steps: readonly RehearsalStep[], { quick }: RehearsalOptions): string =>
  `About ${Math.ceil(sumSeconds(steps) / 60)} minutes on two idle cores${quick ? ', with a sample that is no evidence' : '; a sample takes less: ff rehearse --quick'}.\n`

/** Each setting as a line that a shell reads. */
const formatEnvironment = (env: Readonly<Record<string, string>>): string =>
  Object.entries(env)
    .filter(([name]) => name.startsWith('FF_'))
    .map(([name, value]) => `export ${name}=${quoteForShell(value)}\n`)
    .join('')

async function runSteps(
  request: RehearseRequest,
  state: RehearsalState,
  steps: readonly RehearsalStep[],
): Promise<Rehearsed> {
  const unexpected: UnexpectedEnd[] = []
  for (const step of steps) {
    endIfSignalled(request.signal)
    if (step.do === 'title') await request.print(`\n## ${step.text}\n\n`)
    else if (step.do === 'act') await runAct(request, state, step)
    else {
      const end = await runCommand(request, state, step)
      // The signal has ended the command too, so its end says nothing.
      endIfSignalled(request.signal)
      if (step.ends.includes(end.status)) continue
      unexpected.push({ command: formatCommand(step), ...end })
      if (step.stops) return { unexpected, finished: false }
    }
  }
  return { unexpected, finished: true }
}

const endIfSignalled = (signal: AbortSignal): void =>
  throwIfEnded(
    signal,
    (ending) =>
      new FfError(ending, 'The rehearsal was ended before it was done.', {
        hint: 'Run it again in another folder: it begins anew.',
      }),
  )

async function runAct(
  { print }: RehearseRequest,
  state: RehearsalState,
  { act, text }: Extract<RehearsalStep, { do: 'act' }>,
): Promise<void> {
  await print(`# ${text}\n`)
  const done = await ACTS[act](state)
  if (done !== null) await print(`  ${done}\n`)
}

async function runCommand(
  { adapters, print, answer, signal }: RehearseRequest,
  state: RehearsalState,
  command: RehearsedCommand,
): Promise<CommandEnd> {
  const { words, person, seconds, settings } = command
  const { cwd } = state.context
  const into = person?.into == null ? '' : ` > ${person.into}`
  await print(`$ ${formatCommand(command)}${into}\n`)
  const started = performance.now()
  const limits = {
    cwd,
    env: { ...state.env, ...settings },
    signal,
    timeoutMs: Math.max(LEAST_PATIENCE_MS, seconds * 1_000 * PATIENCE),
  }
  const end =
    person === null
      ? toEnd(await adapters.runFf(words, limits))
      : await answer(command, { cwd, env: state.env })
  if (words.join(' ') === 'trust pin' && end.status === 0)
    state.env = { ...state.env, FF_TRUST_SHA256: end.said.replace('FF_TRUST_SHA256=', '') }
  const took = ((performance.now() - started) / 1_000).toFixed(1)
  await print(`  exit ${end.status}, ${took} s: ${end.said}\n`)
  return end
}

/** A command as a shell takes it. */
export const formatCommand = ({
  words,
  settings,
}: Pick<RehearsedCommand, 'words' | 'settings'>): string =>
  [
    ...Object.entries(settings).map(([name, value]) => `${name}=${quoteForShell(value)}`),
    'ff',
    ...words.map(quoteForShell),
  ].join(' ')

/** A command that gave no status ended as one with a bug does. */
const toEnd = (outcome: Awaited<ReturnType<Adapters['runFf']>>): CommandEnd =>
  outcome.kind === 'exited'
    ? { status: outcome.status, said: outcome.last_line }
    : { status: 1, said: outcome.detail }
