import type { CheckReport, GateReport, Report } from '../core/report/types.ts'
import { quoteForShell } from '../core/text/quote.ts'
import { FfError } from '../errors.ts'
import type { RepeatOptions } from './context.ts'
import type { CommandGroup } from './declarations/row.ts'

/** The options that say which files a command is about, so that a command it proposes has to name them too. */
const REPEATED = ['checklist', 'evidence'] as const
const DEFAULT_EVIDENCE = '.ff/evidence'

/**
 * Makes the function that adds `--checklist` and `--evidence` of a call to each command of `ff` in a text that takes
 * them and has none: a text that is a command, or commands in backquotes. It also puts the folder of `--evidence` in the
 * place of its default. Without these options it changes nothing.
 */
export function createRepeat(
  groups: readonly CommandGroup[],
  options: Readonly<Record<string, unknown>>,
): RepeatOptions {
  const given = REPEATED.flatMap((name) => {
    const value = options[name]
    return typeof value === 'string' ? [{ name, flag: `--${name}`, value }] : []
  })
  if (given.length === 0) return (text) => text
  const rows = groups.flatMap(({ noun, commands }) =>
    commands.flatMap(({ name, options: declared }) => {
      const own = given.filter(({ flag }) =>
        declared.some(({ flags }) => flags.startsWith(`${flag} `)),
      )
      return own.length === 0 ? [] : [[['ff', noun ?? [], name].flat().join(' '), own] as const]
    }),
  )
  const taken = new Map(rows)
  const names = new RegExp(String.raw`\b(${rows.map(([name]) => name).join('|')})(?![\w-])`, 'g')
  const folder = given.find(({ name }) => name === 'evidence')?.value
  const addTo: RepeatOptions = (text) =>
    text.replaceAll(names, (name, _group: string, at: number) => {
      const command = text.slice(at).split(' && ', 1)[0] as string
      const missing = taken.get(name)?.filter(({ flag }) => !command.includes(`${flag} `)) ?? []
      const words = missing.map(({ flag, value }) => ` ${flag} ${quoteForShell(value)}`)
      return [name, ...words].join('')
    })
  const move: RepeatOptions = (text) =>
    folder === undefined ? text : text.replaceAll(DEFAULT_EVIDENCE, () => quoteForShell(folder))
  return (text) => move(text.startsWith('ff ') ? addTo(text) : text.replaceAll(/`[^`]+`/g, addTo))
}

/** The error with the options of the call in the commands of its hint; any other value as it is. */
export function repeatInHint(error: unknown, repeat: RepeatOptions): unknown {
  if (!(error instanceof FfError)) return error
  const hint = repeat(error.hint)
  if (hint === error.hint) return error
  const { code, message, details, cause, stack } = error
  return Object.assign(new FfError(code, message, { hint, details, cause }), { stack })
}

/** The report with the options of the call in the commands that it proposes. A comparison proposes none of these. */
export function repeatInReport(report: Report, repeat: RepeatOptions): Report {
  if (isGate(report)) {
    const { fix, next, remeasure } = report
    const items = report.items.map((one) => ({ ...one, ...repeatStep(one, repeat) }))
    const again = remeasure === null ? null : repeat(remeasure)
    return { ...report, items, ...repeatStep({ fix, next }, repeat), remeasure: again }
  }
  if (!isCheck(report)) return report
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
