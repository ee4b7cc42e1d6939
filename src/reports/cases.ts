import type {
  CheckReport,
  Finding,
  GateReport,
  ParityReport,
  Report,
} from '../core/report/types.ts'
import { describeWaiver, isAccepted, measuredLines } from './gate-words.ts'
import { formatFinding } from './words.ts'

/** One item or control of a report, in the shape that CI formats share. */
export interface ReportCase {
  readonly suite: string
  readonly id: string
  readonly title: string
  readonly state: string
  readonly passed: boolean
  /** The reasons, one a line; used where it did not pass. */
  readonly lines: readonly string[]
  /** The command or sentence that leads to a pass; null where there is none. */
  readonly next: string | null
  /** The waiver by which it passed, in one line; null for any other. */
  readonly waiver: string | null
}

/**
 * Lists every item and, of a report with two sides, every control, in the order of the report. A waived gate item
 * passed; an item that was not measured did not. `lines` has the reasons also of a passed case.
 */
export function listCases(report: Report): readonly ReportCase[] {
  if (report.kind === 'gate') return gateCases(report)
  return 'controls' in report ? parityCases(report) : checkCases(report)
}

/**
 * The file that declares the items of a report, relative to the package, for formats that need a location: the vectors
 * for a report with controls, else the checklist, also for reports about neither.
 */
export const getReportSource = (report: Report): string =>
  'controls' in report
    ? 'vectors/parity_test_matrix.json'
    : 'checklists/cutover_readiness_checklist.json'

function gateCases({ groups, items, waivers }: GateReport): readonly ReportCase[] {
  const titles = new Map(groups.map(({ id, title }) => [id, title]))
  return items.map((item) => ({
    suite: `gate.${item.group} ${titles.get(item.group) ?? ''}`,
    id: item.id,
    title: item.title,
    state: item.state,
    passed: isAccepted(item),
    lines: [
      `${item.codes.join(', ')}${item.detail === '' ? '' : `: ${item.detail}`}`,
      ...measuredLines(item),
      ...(item.fix === null ? [] : [item.fix]),
    ],
    next: item.next,
    waiver: waivers.filter(({ id }) => id === item.waiver).map(describeWaiver)[0] ?? null,
  }))
}

function parityCases({ kind, items, controls, findings }: ParityReport): readonly ReportCase[] {
  const about = (subject: string): readonly Finding[] =>
    findings.filter((one) => one.subject === subject || one.subject.startsWith(`${subject}/`))
  return [
    ...items.map(({ id, title, state, detail }): ReportCase => {
      const lines = [state, ...about(id).map(formatFinding)]
      const passed = state === 'pass'
      const next = detail?.reproduce ?? null
      return { suite: kind, id, title, state, passed, lines, next, waiver: null }
    }),
    ...controls.map(({ id, held }): ReportCase => {
      const lines = ['the control did not hold, so the run proves nothing']
      const suite = `${kind}.controls`
      return {
        suite,
        id,
        title: '',
        state: 'control',
        passed: held,
        lines,
        next: null,
        waiver: null,
      }
    }),
  ]
}

const checkCases = ({ kind, items, findings }: CheckReport): readonly ReportCase[] =>
  items.map(({ id, title, state, next }) => {
    const own = findings.filter(({ subject }) => subject === id)
    const lines = own.map(({ code, pointer, detail }) =>
      `${code} ${pointer ?? ''} ${detail}`.trim(),
    )
    return { suite: kind, id, title, state, passed: state === 'pass', lines, next, waiver: null }
  })
