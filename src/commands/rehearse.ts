import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { GateReport } from '../core/report/types.ts'
import { EXIT_STATUSES } from '../core/exit.ts'
import { quoteForShell } from '../core/text/quote.ts'
import { FfError } from '../errors.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import { judgeRehearsal, type OpenItem, readFinalReport } from '../features/rehearse/judge.ts'
import {
  type CommandEnd,
  ENV_FILE,
  rehearse,
  type Rehearsed,
  type RehearseRequest,
  type UnexpectedEnd,
} from '../features/rehearse/rehearsal.ts'
import { PRIVATE, type RehearsedRows } from '../features/rehearse/steps.ts'
import { loadChecklist } from '../features/team-folder/load-gate-files.ts'
import { REPORTERS } from '../reports/index.ts'
import type { Style } from '../reports/paint.ts'
import type { Context, Invocation } from './context.ts'
import type { REHEARSE } from './declarations/rehearse-options.ts'
import { runKeyNew, runKeyShow, runSignoffSign } from './signoff.ts'
import { getTextWidth } from './text-width.ts'

/**
 * `ff rehearse`: prints each command of a cutover, and runs it, on private stores in a new folder; then the gate's report, and
 * what is open. Ends `ok` where only that is open which a rehearsal cannot decide, else as the commands that failed.
 * @throws FfError `file_exists` for the folder, `option_invalid`, `target_invalid`, `interrupted`, `terminated`, and the
 * errors of the private parts, such as `embedded_unavailable`
 */
export async function runRehearse(invocation: Invocation<typeof REHEARSE>): Promise<void> {
  const { context, options } = invocation
  const { root, cwd, adapters, now, io } = context
  const controller = new AbortController()
  const stop = context.onSignal((name) => controller.abort(name))
  const folder = resolve(cwd, options.dir)
  const { quick, sign, keep } = options
  const passphrase = randomBytes(16).toString('hex')
  try {
    const request: RehearseRequest = {
      root,
      folder,
      adapters,
      now,
      quick,
      sign,
      keep,
      rows: chooseRows(invocation),
      signal: controller.signal,
      passed: pick(context.env, ['TMPDIR']),
      print: (text) => io.stdout(text),
      answer: (command, place) => answer(context, passphrase, { ...command, ...place }),
    }
    const rehearsed = await rehearse(request)
    await printEnd(invocation, { folder, rehearsed, passphrase })
  } finally {
    stop()
  }
}

const pick = (env: Context['env'], names: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )

const SAMPLE = 'contracts/examples/incumbent'
/** @throws FfError `option_invalid`, `target_invalid` */
function chooseRows({ context, options }: Invocation<typeof REHEARSE>): RehearsedRows {
  const { root, cwd, env } = context
  const { store, mapping, input } = options
  if ((mapping === null) !== (input === null) || (store !== null && mapping !== null))
    throw new FfError(
      'option_invalid',
      'The rows come from --store, or from --mapping and --input.',
      {
        hint: 'Give --store file:DIR, or both --mapping FILE and --input FILE, or none of them for the sample.',
      },
    )
  if (store !== null) {
    const spec = parseTargetOrThrow(store, env)
    if (spec.kind === 'file' && spec.folder !== null)
      return { kind: 'store', folder: resolve(cwd, spec.folder) }
    throw new FfError('target_invalid', `--store names a target of kind ${spec.kind}.`, {
      hint: 'Write --store file:DIR.',
    })
  }
  return mapping === null || input === null
    ? {
        kind: 'mapped',
        mapping: join(root, SAMPLE, 'mapping.json'),
        input: join(root, SAMPLE, 'flags.json'),
      }
    : { kind: 'mapped', mapping: resolve(cwd, mapping), input: resolve(cwd, input) }
}

type Answered = Parameters<RehearseRequest['answer']>[0] & Parameters<RehearseRequest['answer']>[1]
/** Runs a command in this process, on a terminal that says yes to each question, and the passphrase. */
async function answer(
  outer: Context,
  passphrase: string,
  { words, person, cwd, env }: Answered,
): Promise<CommandEnd> {
  let text = ''
  const context: Context = {
    ...outer,
    cwd,
    env: { ...env },
    exit: 'internal',
    io: {
      ...outer.io,
      stdout: (more) => {
        text += more
        return Promise.resolve()
      },
      stderr: (more) => void (text += more),
      terminal: () =>
        Promise.resolve({
          show: () => undefined,
          ask: () => Promise.resolve('yes'),
          secret: () => Promise.resolve(passphrase),
        }),
    },
  }
  const run = PERSONS[words.slice(0, 2).join(' ')]
  if (run === undefined) throw new Error(`no person runs ${words.join(' ')}`)
  try {
    await run(context, words)
  } catch (error) {
    if (!(error instanceof FfError)) throw error
    return { status: EXIT_STATUSES[error.exitName][0], said: `${error.message} [${error.code}]` }
  }
  const status = EXIT_STATUSES[context.exit][0]
  if (person?.into == null) return { status, said: text.trimEnd().split('\n').at(-1) ?? '' }
  await writeFile(join(cwd, person.into), text)
  return { status, said: `${text.length} characters` }
}

const NOTHING = { color: null, repeat: (text: string): string => text } as const
/** The commands of a person, by their words. */
const PERSONS: Readonly<
  Record<string, (context: Context, words: readonly string[]) => Promise<void>>
> = {
  'key new': (context, words) => {
    const [person, name] = [readOption(words, '--person'), readOption(words, '--name')]
    const options = { person, name, out: resolve(context.cwd, readOption(words, '--out')) }
    return runKeyNew({ context, words: [], options, ...NOTHING })
  },
  'key show': (context, words) =>
    runKeyShow({
      context,
      words: [resolve(context.cwd, words[2] ?? '')],
      options: {},
      ...NOTHING,
    }),
  'signoff sign': (context, words) => {
    const key = resolve(context.cwd, readOption(words, '--key'))
    const options = { key, signerCmd: null, person: null }
    return runSignoffSign({ context, words: [], options, ...NOTHING })
  },
}
const readOption = (words: readonly string[], flag: string): string =>
  words[words.indexOf(flag) + 1] ?? ''

/** Prints the gate's report, what is open, what ended otherwise, and what stays; sets the exit. */
async function printEnd(
  { context, options, color }: Invocation<typeof REHEARSE>,
  {
    folder,
    rehearsed,
    passphrase,
  }: { readonly folder: string; readonly rehearsed: Rehearsed; readonly passphrase: string },
): Promise<void> {
  const { root, io } = context
  const { quick, sign, keep } = options
  const report = rehearsed.finished ? await readFinalReport(folder) : null
  const { items } = (await loadChecklist({ root, cwd: folder, checklist: null })).checklist.value
  const { exitName, open } = judgeRehearsal(rehearsed, report, { quick, sign, items })
  if (report !== null)
    await io.stdout(
      `\n${await formatReport(report, { color: color ?? false, width: getTextWidth(context) })}`,
    )
  const ending = exitName === 'ok' ? 'PASS  Rehearsed' : 'The rehearsal did not go as expected'
  await io.stdout(
    [
      '',
      ...formatOpen(open),
      ...rehearsed.unexpected.map(formatUnexpected),
      `Look again: cd ${quoteForShell(folder)} && . ./${ENV_FILE} && ff gate`,
      ...(keep
        ? [
            `Kept: ${quoteForShell(join(folder, PRIVATE))}; the passphrase of both keys is ${passphrase}`,
          ]
        : []),
      `${ending}.  exit ${EXIT_STATUSES[exitName][0]} (${exitName})`,
      '',
    ].join('\n'),
  )
  context.exit = exitName
}

const formatReport = async (report: GateReport, style: Style): Promise<string> =>
  (await REPORTERS.text())(report, style)

function formatOpen(open: readonly OpenItem[]): readonly string[] {
  const reasons = [...new Set(open.flatMap(({ expected }) => expected ?? []))]
  return [
    ...reasons.map((reason) => {
      const ids = open.filter(({ expected }) => expected === reason).map(({ id }) => id)
      return `Open as expected, ${reason}: ${ids.join(' ')}`
    }),
    ...open
      .filter(({ expected }) => expected === null)
      .map(({ id, found }) => `Open against expectation: ${id} ${found}`),
  ]
}
const formatUnexpected = ({ command, status, said }: UnexpectedEnd): string =>
  `Ended ${status}: ${command}: ${said}`
