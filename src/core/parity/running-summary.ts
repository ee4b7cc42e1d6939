import type { ReportCounts, Finding, ReportItem } from '../report/types.ts'
import { listExemptions } from './field-rules.ts'
import {
  EMPTY_FINDING,
  listCheckFindings,
  listFindings,
  type JudgedCase,
  type Summary,
  type SummaryTerms,
} from './summarise.ts'
import type { VectorVerdict } from './judge-vector.ts'
import { judgeParityControls, deriveParityVerdict } from './pass-rule.ts'

/** One answered request; `decided` is false where the authenticator refused it, as no flag is compared then. */
export type SummaryLine = JudgedCase & {
  readonly verdict: VectorVerdict
  readonly decided: boolean
}

/**
 * Summarizes a run with too many requests to keep: it counts them all, and keeps the first ones that fail, are
 * unanswered or have noise.
 */
export class RunningSummary {
  private readonly mostListed: number
  private readonly items: ReportItem[] = []
  private readonly findings: Finding[] = []
  private readonly fields = { compared: 0, differing: 0, expected: 0, allowed: 0 }
  private readonly noise = { baseline: 0, candidate: 0 }
  private readonly exempted = new Map<string, number>()
  private compared = 0
  private decided = 0
  private differing = 0
  private allowed = 0

  /** @param mostListed how many requests that are not a pass are kept with their findings */
  constructor(mostListed: number) {
    this.mostListed = mostListed
  }

  /** Counts one request, and keeps it with its findings where it is not a clean pass and the list is not full. */
  add(judged: SummaryLine): void {
    const { verdict, decided, id, title, state, detail } = judged
    const { status, fields, noise, exempted } = verdict
    if (status !== 'unanswered') this.compared += 1
    if (decided) this.decided += 1
    if (status === 'fail') this.differing += 1
    if (fields.allowed > 0) this.allowed += 1
    for (const name of ['compared', 'differing', 'expected', 'allowed'] as const)
      this.fields[name] += fields[name]
    for (const { side } of noise) this.noise[side] += 1
    for (const rule of exempted) this.exempted.set(rule, (this.exempted.get(rule) ?? 0) + 1)
    const clean = status === 'pass' && noise.length === 0
    if (clean || this.items.length === this.mostListed) return
    this.items.push({ id, title, state, detail })
    this.findings.push(...listFindings(judged))
  }

  /**
   * The summary of the requests so far, callable at any time. Findings are those of the checks, `nothing_decided` where
   * every compared request was refused, then those of the kept requests; items are the kept requests only.
   */
  summary({ expected, checks, rules }: SummaryTerms): Summary {
    const { compared, decided, differing, allowed, items } = this
    const controls = judgeParityControls(checks, compared, this.noise)
    const counts: ReportCounts = {
      expected,
      compared,
      allowed,
      skipped: 0,
      neverReached: expected - compared,
      cases: compared,
      differing,
      fields: { ...this.fields },
    }
    const refused: Finding[] =
      compared > 0 && decided === 0
        ? [{ ...EMPTY_FINDING, code: 'nothing_decided', subject: 'every request' }]
        : []
    const verdict = deriveParityVerdict(controls, {
      expected,
      compared,
      differing,
      decided,
      fields: this.fields.compared,
    })
    return {
      verdict,
      counts,
      rules: listExemptions(rules, this.exempted),
      controls,
      findings: [...listCheckFindings(checks), ...refused, ...this.findings],
      items,
    }
  }
}
