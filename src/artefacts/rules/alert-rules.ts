import type { AlertRule, Selector } from '../../core/alerts/types.ts'
import { appendPointer } from '../../core/json/pointer.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactProblem } from '../problem.ts'

type Contract = LoadedArtefact<'alert_rules'>

/**
 * Finds repeated metrics and rule ids (`id_repeated`), and rules on a metric or label that the contract's signals and
 * Prometheus' own `up` lack (`signal_unknown`, `label_unknown`) or a quantile of no histogram
 * (`signal_has_no_buckets`). Empty where there are none.
 */
export function findAlertProblems({ file, value }: Contract): readonly ArtefactProblem[] {
  const { signals, rules } = value
  return [
    ...findRepeated(
      file,
      '/signals',
      signals.map(({ metric }) => metric),
    ),
    ...findRepeated(
      file,
      '/rules',
      rules.map(({ id }) => id),
    ),
    ...rules.flatMap((rule, at) =>
      listSelectors(rule).flatMap(([member, selector]) =>
        findFaults(rule, selector, signals).map(([code, detail]): ArtefactProblem => ({
          file,
          pointer: `${appendPointer('/rules', at)}/measure/${member}`,
          code,
          detail,
        })),
      ),
    ),
  ]
}

const findRepeated = (
  file: string,
  where: string,
  ids: readonly string[],
): readonly ArtefactProblem[] =>
  ids.flatMap((detail, at) =>
    ids.indexOf(detail) === at
      ? []
      : [{ file, pointer: appendPointer(where, at), code: 'id_repeated', detail }],
  )

function listSelectors({ measure }: Pick<AlertRule, 'measure'>): readonly [string, Selector][] {
  return 'to' in measure
    ? [
        ['of', measure.of],
        ['to', measure.to],
      ]
    : [['of', measure.of]]
}

/** Prometheus adds it to the metrics of each target: 1 where the scrape succeeded, else 0. */
const SCRAPED: Contract['value']['signals'][number] = {
  metric: 'up',
  type: 'gauge',
  labels: ['job', 'instance'],
  moves: true,
}

type Fault = readonly [code: ArtefactProblem['code'], detail: string]
function findFaults(
  { measure }: Pick<AlertRule, 'measure'>,
  { metric, labels }: Selector,
  signals: Contract['value']['signals'],
): readonly Fault[] {
  const signal = [...signals, SCRAPED].find((one) => one.metric === metric)
  if (signal === undefined) return [['signal_unknown', metric]]
  const bucketless = measure.kind === 'quantile' && signal.type !== 'histogram'
  const unknown = Object.keys(labels).filter((name) => !signal.labels.includes(name))
  return [
    ...(bucketless ? [['signal_has_no_buckets', metric] as const] : []),
    ...unknown.map((name) => ['label_unknown', name] as const),
  ]
}
