import { openRegularFile, type RegularFile } from '../../artefacts/lines.ts'
import {
  type LineProblem,
  readRecordedRequests,
  type RecordedRequest,
  type RecordedRequestLine,
  type ReplayInputs,
} from '../../artefacts/replay-requests.ts'
import { type Ending, throwIfEnded } from '../../concurrency/ended.ts'
import type { BackingKind } from '../../core/evaluate/types.ts'
import type { ComparisonRules } from '../../core/parity/judge.ts'
import { judgeVector } from '../../core/parity/judge-vector.ts'
import { type SummaryLine, RunningSummary } from '../../core/parity/running-summary.ts'
import type { ParityReport } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import type { EvaluatedAnswer } from '../evaluation/answer-question.ts'
import { requireParityInputs, type ParityRequest } from './parity.ts'
import type { ParityInputs } from './parity-inputs.ts'
import { buildReplayReport } from './replay-report.ts'
import {
  type ReplaySide,
  type ReplaySides,
  parseServices,
  withServices,
  withStores,
} from './replay-sides.ts'
import { toJudgedCase } from './run-parity.ts'
import { PRODUCTION } from './dependencies.ts'

/** Input of `ff parity replay`. */
export interface ReplayRequest extends ParityRequest {
  /** Path of the recorded requests, one JSON object a line. */
  readonly file: string
  /** The environment variables, from which a line names its token. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Differing requests that the report lists; it counts all of them. */
  readonly maxDiffs: number
  readonly progress: (done: number, of: number) => void
}
/** Requests in flight at once: enough to keep a database busy, few enough to hold in memory. */
const WINDOW = 32
/** Problems of invalid lines that an error lists; its message counts all such lines. */
const MAX_PROBLEMS = 100

/**
 * `ff parity replay FILE`: sends each recorded request twice to each of two live stores, or of two services, and
 * compares the answers. Reads the file twice: the first time to validate every line. Ends at the first request that
 * a side does not answer, or when aborted; the report then covers the requests before.
 *
 * @throws FfError `artefact_invalid` with up to about 100 problems of invalid lines, before the first request is
 *   sent, for a file that cannot be read or changes during the replay, or for a bad artefact; `nothing_to_check` for
 *   a file without a request; `target_invalid` for one service and one store, or the same side twice; the code of
 *   the ending if aborted while it validates
 */
export async function parityReplay(request: ReplayRequest): Promise<ParityReport> {
  const services = parseServices(request)
  const inputs = await requireParityInputs(request.root, [])
  const terms: ReplayInputs = {
    fixtures: inputs.fixtures.value.fixtures,
    of: services === null ? 'stores' : 'services',
    env: request.env,
  }
  const file = await openRequests(request.file)
  try {
    const expected = await countRequests(file, terms, request)
    const replay = (sides: ReplaySides): Promise<ParityReport> =>
      runReplay(request, inputs, { sides, file, terms, expected })
    return services === null
      ? await withStores(request, inputs, replay)
      : await withServices(services, request, replay)
  } finally {
    await file.handle.close()
  }
}

interface ReplayContext {
  readonly sides: ReplaySides
  readonly file: RegularFile
  readonly terms: ReplayInputs
  readonly expected: number
}

async function runReplay(
  request: ReplayRequest,
  { contract, leaves }: ParityInputs,
  { sides, file, terms, expected }: ReplayContext,
): Promise<ParityReport> {
  const { signal, now, progress } = request
  const started = now()
  const summary = new RunningSummary(request.maxDiffs)
  // The first of two rules for one field takes precedence.
  const comparing = {
    rules: [...sides.rules, ...contract.value.decision],
    compare: PRODUCTION.compare,
  }
  let done = 0
  for await (const window of splitIntoWindows(rereadRequests(file, terms))) {
    if (signal.aborted) break
    const answered = await Promise.all(
      window.map((line) => replayOne(line, request, { sides, comparing })),
    )
    // The replay ends at the first request without an answer, and drops the answers of later ones in its window.
    const firstUnanswered = answered.findIndex(({ verdict }) => verdict.status === 'unanswered')
    answered
      .slice(0, firstUnanswered < 0 ? undefined : firstUnanswered + 1)
      .forEach((one) => summary.add(one))
    if (firstUnanswered >= 0) break
    done += window.length
    progress(done, expected)
  }
  return buildReplayReport(summary, expected, {
    sides,
    judging: { rules: comparing.rules, leaves },
    compare: PRODUCTION.compare,
    started,
    signal,
    now,
  })
}

interface ReplayPair {
  readonly sides: ReplaySides
  readonly comparing: ComparisonRules
}

/** Sends one request twice to each side; the second answer is the A/A control. */
async function replayOne(
  recorded: RecordedRequest,
  { file }: Pick<ReplayRequest, 'file'>,
  { sides, comparing }: ReplayPair,
): Promise<SummaryLine> {
  const { line, request } = recorded
  const evaluateTwice = async (
    side: ReplaySide,
  ): Promise<readonly [EvaluatedAnswer, EvaluatedAnswer]> => [
    await side.ask(recorded),
    await side.ask(recorded),
  ]
  const [[b, b2], [c, c2]] = await Promise.all([
    evaluateTwice(sides.baseline),
    evaluateTwice(sides.candidate),
  ])
  const verdict = judgeVector(
    null,
    {
      baseline: { kind: getBackingKind(sides.baseline), answer: b.answer, again: b2.answer },
      candidate: { kind: getBackingKind(sides.candidate), answer: c.answer, again: c2.answer },
    },
    comparing,
  )
  const id = `line ${line}`
  const subject = { id, group: id, title: request.flag_key }
  const shown = {
    rows: { baseline: b.rows, candidate: c.rows },
    command: `sed -n ${line}p '${file}' > one.ndjson && ff parity replay one.ndjson`,
  }
  const decided = [b, c].some(({ answer }) => answer.status === 'decided')
  return { ...toJudgedCase(subject, verdict, shown), verdict, decided }
}

/** The backing of a side. A service names it in its first decision; until then `file` stands in. */
const getBackingKind = ({ facts }: ReplaySide): BackingKind => facts.backing ?? 'file'

/** Opens a file with a request a line; the caller closes it. @throws FfError `artefact_invalid` */
export async function openRequests(path: string): Promise<RegularFile> {
  const makeUnusableError = (what: string, cause?: unknown): FfError =>
    new FfError('artefact_invalid', `Cannot read ${path}: ${what}.`, {
      hint: 'Name a readable file that holds one request a line.',
      cause,
    })
  try {
    const file = await openRegularFile(path)
    if (file !== null) return file
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw makeUnusableError(
        error.code === 'ENOENT' ? 'file_missing (no such file)' : String(error.code),
        error,
      )
    throw error
  }
  throw makeUnusableError('it is not a file')
}

/** Validates every line. @returns the number of requests */
async function countRequests(
  file: RegularFile,
  terms: ReplayInputs,
  { file: path, signal }: ReplayRequest,
): Promise<number> {
  const broken: LineProblem[] = []
  let [requests, lines] = [0, 0]
  for await (const { problems } of readRecordedRequests(file, terms)) {
    throwIfEnded(signal, makeNeverBegunError)
    if (problems === undefined) requests += 1
    else {
      lines += 1
      if (broken.length < MAX_PROBLEMS) broken.push(...problems)
    }
  }
  if (lines > 0) throw makeInvalidLinesError(path, lines, broken)
  if (requests > 0) return requests
  throw new FfError('nothing_to_check', `${path} holds no recorded request.`, {
    hint: 'Name a file with one JSON object a line: contracts/schemas/replay-request.schema.json.',
  })
}

const makeNeverBegunError = (ending: Ending): FfError =>
  new FfError(ending, 'The replay was stopped before it sent the first request.', {
    hint: 'Run the same command again.',
  })

function makeInvalidLinesError(
  path: string,
  lines: number,
  problems: readonly LineProblem[],
): FfError {
  return new FfError(
    'artefact_invalid',
    `${path} has ${lines} invalid line${lines === 1 ? '' : 's'}; no request was sent.`,
    {
      hint: 'Correct these lines by contracts/schemas/replay-request.schema.json.',
      details: problems.map(({ line, pointer, code }) => `line ${line} ${pointer} ${code}`),
    },
  )
}

/** Reads the validated lines again. @throws FfError `artefact_invalid` if a line has changed since */
async function* rereadRequests(
  file: RegularFile,
  terms: ReplayInputs,
): AsyncGenerator<RecordedRequest> {
  for await (const line of readRecordedRequests(file, terms)) yield requireUnchanged(line)
}
function requireUnchanged({ recorded }: RecordedRequestLine): RecordedRequest {
  if (recorded !== undefined) return recorded
  throw new FfError(
    'artefact_invalid',
    'The file of recorded requests changed during the replay.',
    {
      hint: 'Copy the file, and replay the copy.',
    },
  )
}

async function* splitIntoWindows(
  lines: AsyncIterable<RecordedRequest>,
): AsyncGenerator<readonly RecordedRequest[]> {
  let window: RecordedRequest[] = []
  for await (const line of lines) {
    window.push(line)
    if (window.length < WINDOW) continue
    yield window
    window = []
  }
  if (window.length > 0) yield window
}
