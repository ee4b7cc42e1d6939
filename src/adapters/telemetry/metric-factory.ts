import { Counter, Gauge, type Registry } from 'prom-client'

/** Makes metrics in a list of registries. */
export interface MetricFactory {
  readonly gauge: (name: string, help: string, labels?: string[]) => Gauge
  readonly counter: (name: string, help: string, labels?: string[]) => Counter
}
/** Returns a factory of metrics in these registries; each metric is registered when it is made. */
export const createMetricFactory = (registers: Registry[]): MetricFactory => ({
  gauge: (name, help, labelNames = []) => new Gauge({ name, help, labelNames, registers }),
  counter: (name, help, labelNames = []) => new Counter({ name, help, labelNames, registers }),
})

/** Sets a counter to a total that another component counts. */
export const setTotal = (
  counter: Counter,
  value: number,
  labels: Record<string, string> = {},
): void => {
  counter.remove(labels)
  counter.inc(labels, value)
}
