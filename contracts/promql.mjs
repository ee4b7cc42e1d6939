// The PromQL expressions of the measures in alert_rules.json.

/** Rules apply to each instance: a failing one must not disappear in the sum of nine healthy ones. */
const EACH = 'by (instance, job)'
const WORST = { above: 'max', below: 'min' }

const matcher = ([name, values]) =>
  values.length === 1
    ? `${name}="${values[0]}"`
    : `${name}=~"${values.map((one) => one.replaceAll('.', '\\\\.')).join('|')}"`

/** A selector of series. @param more further matchers, as texts */
export function selector({ metric, labels }, { suffix = '', more = [] } = {}) {
  const matchers = [...Object.entries(labels).map(matcher), ...more]
  return `${metric}${suffix}${matchers.length === 0 ? '' : `{${matchers.join(',')}}`}`
}
const total = (of, more) => `sum ${EACH} (${selector(of, { more })})`
const rate = (of, window_s, more) => `sum ${EACH} (rate(${selector(of, { more })}[${window_s}s]))`

/** The expression of a measure, compared in the direction `op`. */
export const MEASURES = {
  value: ({ of }, op, more) => `${WORST[op]} ${EACH} (${selector(of, { more })})`,
  share: ({ of, to }, _, more) => `${total(of, more)} / ${total(to, more)}`,
  rate: ({ of, window_s }, _, more) => rate(of, window_s, more),
  ratio: ({ of, to, window_s }, _, more) =>
    `${rate(of, window_s, more)} / ${rate(to, window_s, more)}`,
  quantile: ({ of, quantile, window_s }, _, more) =>
    `histogram_quantile(${quantile}, sum by (instance, job, le) (rate(${selector(of, { suffix: '_bucket', more })}[${window_s}s])))`,
}
