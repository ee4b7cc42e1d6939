import type { CheckReport, GateReport, Report, ReportItem } from '../core/report/types.ts'
import { quoteForShell } from '../core/text/quote.ts'
import { FfError } from '../errors.ts'
import type { RepeatOptions } from './context.ts'
import type { CommandGroup } from './declarations/row.ts'

/** The options that say what a command is about, so that a command it proposes has to name them too; by their name. */
const REPEATED = {
  checklist: '--checklist',
  evidence: '--evidence',
  baseline: '--baseline',
  candidate: '--candidate',
  allowSameKind: '--allow-same-kind',
  vectors: '--vectors',
} as const
type Repeated = keyof typeof REPEATED
const DEFAULT_EVIDENCE = '.ff/evidence'

/**
 * Makes the function that adds the options of a call that say what it is about to each command of `ff` in a text that
 * takes them and has none: a text that is a command, or commands in backquotes. It also puts the folder of `--evidence` in the
 * place of its default. Without these options it changes nothing.
 */
export function createRepeat(
  groups: readonly CommandGroup[],
  options: Readonly<Record<string, unknown>>,
): RepeatOptions {
  const given = (Object.keys(REPEATED) as Repeated[]).flatMap((name) => {
    const values = toValues(options[name])
    return values === null ? [] : [{ name, flag: REPEATED[name], values }]
  })
  if (given.length === 0) return (text) => text
  const rows = groups.flatMap(({ noun, commands }) =>
    commands.flatMap(({ name, options: declared }) => {
      const own = given.filter(({ flag }) =>
        declared.some(({ flags }) => flags.split(' ', 1)[0] === flag),
      )
      return own.length === 0 ? [] : [[['ff', noun ?? [], name].flat().join(' '), own] as const]
    }),
  )
  const taken = new Map(rows)
  const names = new RegExp(String.raw`\b(${rows.map(([name]) => name).join('|')})(?![\w-])`, 'g')
  const folder = given.find(({ name }) => name === 'evidence')?.values[0]
  const addTo: RepeatOptions = (text) =>
    text.replaceAll(names, (name, _group: string, at: number) => {
      const command = text.slice(at).split(' && ', 1)[0] as string
      const missing =
        taken.get(name)?.filter(({ flag }) => !`${command} `.includes(`${flag} `)) ?? []
      const words = missing.map(({ flag, values }) =>
        ['', flag, ...values.map(quoteForShell)].join(' '),
      )
      return [name, ...words].join('')
    })
  const move: RepeatOptions = (text) =>
    folder === undefined ? text : text.replaceAll(DEFAULT_EVIDENCE, () => quoteForShell(folder))
  return (text) => move(text.startsWith('ff ') ? addTo(text) : text.replaceAll(/`[^`]+`/g, addTo))
}

/** The values of an option as words, none for a switch; null where it was not given. */
function toValues(given: unknown): readonly string[] | null {
  if (typeof given === 'string') return [given]
  if (Array.isArray(given) && given.length > 0) return given as readonly string[]
  return given === true ? [] : null
}

/** The error with the options of the call in the commands of its hint; any other value as it is. */
export function repeatInHint(error: unknown, repeat: RepeatOptions): unknown {
  if (!(error instanceof FfError)) return error
  const hint = repeat(error.hint)
  if (hint === error.hint) return error
  const { code, message, details, unknown, cause, stack } = error
  return Object.assign(new FfError(code, message, { hint, details, unknown, cause }), { stack })
}

/** The report with the options of the call in the commands that it proposes. */
export function repeatInReport(report: Report, repeat: RepeatOptions): Report {
  if (isGate(report)) {
    const { fix, next, remeasure } = report
    const items = report.items.map((one) => ({ ...one, ...repeatStep(one, repeat) }))
    const again = remeasure === null ? null : repeat(remeasure)
    return { ...report, items, ...repeatStep({ fix, next }, repeat), remeasure: again }
  }
  if (!isCheck(report)) {
    const again = (one: ReportItem): ReportItem =>
      one.detail === null
        ? one
        : { ...one, detail: { ...one.detail, reproduce: repeat(one.detail.reproduce) } }
    return { ...report, items: report.items.map(again) }
  }
  return {
    ...report,
    items: report.items.map((one) => ({
      ...one,
      next: one.next === null ? null : repeat(one.next),
    })),
  }
}

const isGate = (report: Report): report is GateReport => report.kind === 'gate'
const isCheck = (report: Report): report is CheckReport => 'sql' in report

const repeatStep = (
  { fix, next }: Pick<GateReport, 'fix' | 'next'>,
  repeat: RepeatOptions,
): Pick<GateReport, 'fix' | 'next'> => ({
  fix: fix === null ? null : repeat(fix),
  next: next === null ? null : repeat(next),
})
