import { openPlainFile, type PlainFile } from '../artefacts/lines.ts'
import {
  type LineProblem,
  readRecorded,
  type Recorded,
  type RecordedLine,
} from '../artefacts/replay-requests.ts'
import { byContract } from '../core/auth/contract.ts'
import { answerFrom } from '../core/evaluate/approvals.ts'
import { type FieldRule } from '../core/parity/field-rules.ts'
import { judgeVector, type VectorVerdict } from '../core/parity/judge-vector.ts'
import type { Judged } from '../core/parity/summarise.ts'
import { Tally } from '../core/parity/tally.ts'
import type { ParityReport } from '../core/report/types.ts'
import { FfError } from '../errors.ts'
import type { ApprovalCheck, Live } from '../ports.ts'
import type { Ask, Asked } from './ask.ts'
import { withLiveSides } from './live-sides.ts'
import { loadOrThrow, type ParityRequest } from './parity.ts'
import type { ParityInputs } from './parity-inputs.ts'
import { FixtureDoors } from './fixture-doors.ts'
import { replayReport } from './replay-report.ts'
import { judged } from './run-parity.ts'
import { HONEST, type Workings } from './workings.ts'

export interface ReplayRequest extends ParityRequest {
  /** Path of the recorded requests, one a line. */
  readonly file: string
  /** How many requests that are no pass are listed; all are counted. */
  readonly maxDiffs: number
  readonly progress: (done: number, of: number) => void
}
/** Two live stores, which are read and never written. */
export interface LiveSides {
  readonly baseline: Live
  readonly candidate: Live
}

/** So many requests are under way at once: enough to keep a database busy, and little to hold. */
const WINDOW = 32
/** Of lines that are no requests; the count says how many there are. */
const MOST_PROBLEMS = 100

/**
 * `ff parity replay FILE`: recorded requests against two live stores, each asked twice.
 *
 * @throws FfError `artefact_invalid` with each line that is no request, before anybody is asked;
 *   `nothing_to_check` for a file without one
 */
export async function parityReplay(request: ReplayRequest): Promise<ParityReport> {
  const inputs = await loadOrThrow(request.root, [])
  const file = await openRequests(request.file)
  try {
    const expected = await countRequests(file, inputs, request)
    return await withLiveSides(request, inputs, (sides) =>
      runReplay(request, inputs, { sides, workings: HONEST, file, expected }),
    )
  } finally {
    await file.handle.close()
  }
}

export interface ReplayBench {
  readonly sides: LiveSides
  readonly workings: Workings
  readonly file: PlainFile
  readonly expected: number
}

export async function runReplay(
  request: ReplayRequest,
  inputs: ParityInputs,
  { sides, workings, file, expected }: ReplayBench,
): Promise<ParityReport> {
  const { adapters, signal, now, progress } = request
  const started = now()
  const tally = new Tally(request.maxDiffs)
  const doors = new FixtureDoors(adapters, byContract(inputs.auth.value, inputs.fixtures.value))
  const asking = { sides, workings, doors, rules: inputs.contract.value.decision }
  let done = 0
  try {
    for await (const window of windows(recordedLines(file, inputs))) {
      if (signal.aborted) break
      const answered = await Promise.all(window.map((line) => putOne(line, request, asking)))
      // Of what was under way behind the first that got no answer nothing is counted, and nothing more is asked.
      const silent = answered.findIndex(({ verdict }) => verdict.status === 'unanswered')
      answered.slice(0, silent < 0 ? undefined : silent + 1).forEach((one) => tally.add(one))
      if (silent >= 0) break
      done += window.length
      progress(done, expected)
    }
  } finally {
    await doors.close()
  }
  return replayReport(tally, expected, { sides, workings, started, signal, now })
}

interface Asking {
  readonly sides: LiveSides
  readonly workings: Workings
  readonly doors: FixtureDoors
  readonly rules: readonly FieldRule[]
}
type JudgedLine = Judged & { readonly verdict: VectorVerdict }

/** One request to both sides, twice each: the second answer is the A/A control. */
async function putOne(
  recorded: Recorded,
  { file }: Pick<ReplayRequest, 'file'>,
  { sides, workings, doors, rules }: Asking,
): Promise<JudgedLine> {
  const { line, request, credential, now, environment } = recorded
  const door = await doors.of(credential.fixture)
  const put = async ({ store }: Live, ask: Ask): Promise<readonly [Asked, Asked]> => {
    const counter = { store, door, approvals: adminOf(recorded) }
    const question = { credential, request, now, environment }
    return [await ask(counter, question), await ask(counter, question)]
  }
  const [[b, b2], [c, c2]] = await Promise.all([
    put(sides.baseline, workings.ask.baseline),
    put(sides.candidate, workings.ask.candidate),
  ])
  const verdict = judgeVector(
    null,
    {
      baseline: { kind: sides.baseline.store.kind, answer: b.answer, again: b2.answer },
      candidate: { kind: sides.candidate.store.kind, answer: c.answer, again: c2.answer },
    },
    { rules, compare: workings.compare },
  )
  const id = `line ${line}`
  const subject = { id, group: id, title: request.flag_key }
  const shown = {
    rows: { baseline: b.rows, candidate: c.rows },
    command: `sed -n ${line}p '${file}' > one.ndjson && ff parity replay one.ndjson`,
  }
  return { ...judged(subject, verdict, shown), verdict }
}

/** Admin as the line has it; one that was not recorded cannot be reached. */
const adminOf =
  ({ approvals }: Recorded): ApprovalCheck =>
  (question) =>
    Promise.resolve(
      approvals === null ? { status: 'unreachable' } : answerFrom(approvals, question),
    )

async function openRequests(path: string): Promise<PlainFile> {
  const unusable = (what: string, cause?: unknown): FfError =>
    new FfError('artefact_invalid', `${path} cannot be replayed: ${what}.`, {
      hint: 'Name a file of recorded requests, one JSON object a line, that you may read.',
      cause,
    })
  try {
    const file = await openPlainFile(path)
    if (file !== null) return file
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw unusable(String(error.code), error)
    throw error
  }
  throw unusable('it is not a file')
}

/** Holds every line to its schema. @returns how many requests there are */
async function countRequests(
  file: PlainFile,
  inputs: ParityInputs,
  { file: path, signal }: ReplayRequest,
): Promise<number> {
  const broken: LineProblem[] = []
  let [requests, lines] = [0, 0]
  for await (const { problems } of linesOf(file, inputs)) {
    if (signal.aborted) throw ended(signal)
    if (problems === undefined) requests += 1
    else {
      lines += 1
      if (broken.length < MOST_PROBLEMS) broken.push(...problems)
    }
  }
  if (lines > 0) throw brokenLines(path, lines, broken)
  if (requests > 0) return requests
  throw new FfError('nothing_to_check', `${path} holds no request.`, {
    hint: 'Record some, one JSON object a line.',
  })
}

const ended = ({ reason }: AbortSignal): FfError =>
  new FfError(reason as 'interrupted', 'The replay was ended before anything was asked.', {
    hint: 'Run it again.',
  })

function brokenLines(path: string, lines: number, problems: readonly LineProblem[]): FfError {
  return new FfError(
    'artefact_invalid',
    `${path} has ${lines} line${lines === 1 ? '' : 's'} that are no request, so nothing was measured.`,
    {
      hint: 'Correct what is listed; contracts/schemas/replay-request.schema.json says what a line holds.',
      details: problems.map(({ line, pointer, code }) => `line ${line} ${pointer} ${code}`),
    },
  )
}

const linesOf = (file: PlainFile, { fixtures }: ParityInputs) =>
  readRecorded(file, { fixtures: fixtures.value.fixtures })

/** The same lines again. @throws FfError `artefact_invalid` where one has been changed since */
async function* recordedLines(file: PlainFile, inputs: ParityInputs): AsyncGenerator<Recorded> {
  for await (const line of linesOf(file, inputs)) yield unchanged(line)
}
function unchanged({ recorded }: RecordedLine): Recorded {
  if (recorded !== undefined) return recorded
  throw new FfError(
    'artefact_invalid',
    'The recorded requests were changed while they were read.',
    {
      hint: 'Replay a copy that nobody writes to.',
    },
  )
}

async function* windows(lines: AsyncIterable<Recorded>): AsyncGenerator<readonly Recorded[]> {
  let window: Recorded[] = []
  for await (const line of lines) {
    window.push(line)
    if (window.length < WINDOW) continue
    yield window
    window = []
  }
  if (window.length > 0) yield window
}
