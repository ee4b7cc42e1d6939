import type { Finding, ParityReport, Report } from '../core/report/types.ts'
import { truncateText } from '../core/text/quote.ts'
import { formatVerdict } from './gate-words.ts'
import { formatState, toHeadlineState } from './paint.ts'

/**
 * A report in one line without line feed: command, verdict, exit code and name, as in `ff parity run: PASS (exit 0,
 * ok)`, and for a pass over two sides of one kind what that is worth.
 */
export function formatHeadline(report: Report): string {
  const { kind, exitCode, exitName } = report
  const verdict =
    report.kind === 'gate'
      ? formatVerdict(report)
      : formatState(toHeadlineState(exitName, report.verdict), { color: false })
  const same = 'sides' in report && report.verdict === 'pass' ? formatSameKind(report.sides) : ''
  return `ff ${kind.replace('_', ' ')}: ${verdict} (exit ${exitCode}, ${exitName})${same}`
}

/** What a pass over two sides of one kind, which `--allow-same-kind` admits, is worth; empty for any other. */
export const formatSameKind = ({ baseline, candidate }: ParityReport['sides']): string =>
  baseline.backing !== null && baseline.backing === candidate.backing
    ? ' Both sides are of one kind, so this proves nothing about a move.'
    : ''

const SIDES: Readonly<Record<string, string>> = {
  'baseline-candidate': 'baseline and candidate differ',
  'baseline-expected': 'baseline differs from the expectation',
  'candidate-expected': 'candidate differs from the expectation',
  baseline: 'baseline',
  candidate: 'candidate',
}

/**
 * One finding in one line: the sides, the pointer with its rule, and both values, each cut to 120 characters and
 * `absent` for null; a sentence of its own for what concerns no field.
 */
export function formatFinding({
  code,
  subject,
  sides,
  pointer,
  rule,
  left,
  right,
}: Finding): string {
  const side = SIDES[sides ?? ''] ?? ''
  if (code === 'comparer_fault') return 'the comparer judged a pair with a known answer wrongly'
  if (code === 'field_unseen') return `the judge missed a difference in ${subject} alone`
  if (code === 'fault_unseen') return `the proof missed a planted fault: ${subject}`
  if (code === 'nothing_decided') return 'every request was refused, so no decision was compared'
  if (code === 'unanswered') return `${side} gave no answer: ${left ?? ''}`
  const where = pointer === '' ? 'the whole answer' : pointer
  const what = `${where} (${rule ?? ''}): ${shown(left)} | ${shown(right)}`
  return code === 'noise' ? `${side} differs from itself at ${what}` : `${side} at ${what}`
}

const MOST = 120
const shown = (text: string | null): string => (text === null ? 'absent' : truncateText(text, MOST))
