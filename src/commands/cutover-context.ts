import { hostname, userInfo } from 'node:os'
import { getEnding } from '../concurrency/ended.ts'
import { isRehearsal, nameEnvironment } from '../core/auth/environment.ts'
import { isScopeId } from '../core/rows/grammar.ts'
import { isLoopback } from '../core/parity/target.ts'
import { FfError } from '../errors.ts'
import { CUTOVER_CLOCK } from '../features/cutover/lease-clock.ts'
import type { CutoverClock } from '../features/cutover/lease-observer.ts'
import type {
  Coordinated,
  DatabaseRequest,
  FileRequest,
  SidesRequest,
} from '../features/cutover/open-sides.ts'
import type { StepTools } from '../features/cutover/take-step.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import { readDigestKey } from '../features/serve/secret-file.ts'
import type { Context, Invocation } from './context.ts'
import type { CUTOVER_STORES } from './declarations/cutover-options.ts'
import { resolveDatabaseTarget } from './migrate.ts'
import { loadSettings } from './settings.ts'

type CutoverInvocation = Invocation<typeof CUTOVER_STORES>

/** What a command of the cutover has at hand. A side is resolved when it is asked for: another one may be lost. */
export interface CutoverCommand {
  /** @throws FfError `target_invalid` without a file store */
  readonly file: () => Promise<FileRequest>
  /** Null without a file store. */
  readonly fileIfHere: () => Promise<FileRequest | null>
  /** @throws FfError `target_invalid` without a database, `secret_in_option`, `phase_refused` for one elsewhere in a rehearsal */
  readonly database: () => Promise<DatabaseRequest>
  /** @throws FfError as `file` and `database` */
  readonly both: () => Promise<SidesRequest>
  readonly environment: string
  readonly clock: CutoverClock
  readonly leaseMs: number
  readonly drainMs: number
  /** Aborted by the first signal. */
  readonly signal: AbortSignal
  readonly io: Context['io']
}

/**
 * Runs `work` until it ends; the first signal has it back out.
 *
 * @throws FfError `interrupted` or `terminated` for an error after a signal, with the words of that error; the error of
 *   `work`, `setting_invalid`
 */
export async function runCutoverCommand(
  invocation: CutoverInvocation,
  work: (command: CutoverCommand) => Promise<void>,
): Promise<void> {
  const controller = new AbortController()
  const stop = invocation.context.onSignal((name) => controller.abort(name))
  const { signal } = controller
  try {
    await work(await openCommand(invocation, signal))
  } catch (error) {
    const ending = getEnding(signal)
    if (ending === null || !(error instanceof FfError)) throw error
    throw new FfError(ending, error.message, { hint: error.hint, cause: error })
  } finally {
    stop()
  }
}

async function openCommand(
  invocation: CutoverInvocation,
  signal: AbortSignal,
): Promise<CutoverCommand> {
  const { adapters, env, cwd, root, io } = invocation.context
  const { values } = await loadSettings(env, cwd)
  const environment = nameEnvironment(values)
  const digestKey = await readDigestKey(values.FF_AUDIT_DIGEST_KEY_FILE)
  const fileIfHere = async (): Promise<FileRequest | null> => {
    const folder = findFolder(invocation, values.FF_STORE_DIR)
    return folder === null ? null : { folder, tools: { digestKey, phase: 'file' }, adapters }
  }
  const file = async (): Promise<FileRequest> => {
    const found = await fileIfHere()
    if (found !== null) return found
    throw new FfError(
      'target_invalid',
      'No file store is named, and a cutover moves on its host.',
      {
        hint: 'On that host set FF_STORE_DIR, or add --store file:DIR.',
      },
    )
  }
  const database = async (): Promise<DatabaseRequest> => {
    const found = await resolveDatabaseTarget(invocation)
    if (isRehearsal(environment) && !isLoopback(found)) throw makeElsewhereError()
    return { root, database: found, environment, adapters }
  }
  return {
    file,
    fileIfHere,
    database,
    both: async () => ({ ...(await file()), ...(await database()), failed: createFailed(io) }),
    environment,
    clock: CUTOVER_CLOCK,
    leaseMs: values.FF_CUTOVER_LEASE * 1_000,
    drainMs: values.FF_DRAIN_DELAY * 1_000,
    signal,
    io,
  }
}

/** In a rehearsal a scratch record opens a step without a GO. */
const makeElsewhereError = (): FfError =>
  new FfError('phase_refused', 'FF_ENV is rehearsal, and the database is not on this machine.', {
    hint: 'A rehearsal has private stores only (`ff rehearse`). For another cutover set FF_ENV to the environment of its plan.',
  })

/** The folder of --store, else of FF_STORE_DIR; null without. @throws FfError `target_invalid` for another target */
function findFolder(
  { context, options }: CutoverInvocation,
  otherwise: string | null,
): string | null {
  if (options.store === null) return otherwise
  const spec = parseTargetOrThrow(options.store, context.env)
  if (spec.kind === 'file' && spec.folder !== null) return spec.folder
  throw new FfError('target_invalid', `--store names a target of kind ${spec.kind}.`, {
    hint: 'Write --store file:DIR.',
  })
}

/** The account of the operator, where an audit record can name it. */
export function nameOperator(): string {
  try {
    const { username } = userInfo()
    return isScopeId(username) ? username : 'ff'
  } catch {
    return 'ff' // The system has no name for this account.
  }
}

/** Tells each failure once: the writer's loop meets the same one again and again. @throws an error that is no FfError */
function createFailed(io: Context['io']): SidesRequest['failed'] {
  const told = new Set<string>()
  return (place, error) => {
    if (!(error instanceof FfError)) throw error
    const line = `${place}: ${error.message}\n`
    if (!told.has(line)) io.stderr(line)
    told.add(line)
  }
}

/** What a step needs, with its progress on stderr. @param bound seconds of each wait */
export const toStepTools = (
  command: CutoverCommand,
  { sides, writer }: Coordinated,
  bound: number,
): StepTools => ({ ...toMoveTools(command, bound), sides, writer })

/** What moves the cutover beside both sides. @param bound as of `toStepTools` */
export const toMoveTools = (
  { clock, leaseMs, drainMs, signal, io }: CutoverCommand,
  bound: number,
): Omit<StepTools, keyof Coordinated> => ({
  clock,
  signal,
  limits: { boundMs: bound * 1_000, leaseMs, drainMs },
  host: hostname(),
  observe: (effect) => io.stderr(`${WORDS[effect.do]}\n`),
})

const WORDS: Readonly<Record<Parameters<StepTools['observe']>[0]['do'], string>> = {
  fill: 'copying rows and audit records into the database',
  read_records: 'reading both records',
  write_record: 'publishing an epoch',
  leave_mirror: 'publishing complete in the database',
  await_held: 'waiting until every instance holds the epoch',
  await_caught_up: 'waiting until the second side has caught up',
  write_intent: 'writing the intent',
  drain: 'waiting for instances on other hosts to drain',
  lock_exclusive: 'waiting for the switch lock',
  await_writer: 'asking the instance that writes to the file',
  check_heads: 'comparing the heads of both sides',
  decide: 'deciding',
  free_lock: 'freeing the switch lock',
  await_compared: 'waiting until the file lacks nothing',
  rebuild_mirror: 'filling the folder from the database',
}
