import { setTimeout as sleep } from 'node:timers/promises'
import type { Exposition } from '../../../core/alerts/exposition.ts'
import type { AlertRule, AlertState } from '../../../core/alerts/types.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { ProbeContext } from '../framework/probe.ts'
import type { StagingCaller, StagingNeeds } from '../framework/staging-target.ts'
import type { ServiceInstance } from './cached-services.ts'
import { CalledInstance, putSensitiveFlag } from './called-events.ts'
import { withCalledInstances } from './called-instances.ts'
import { countUntilFiring, MOST_SCRAPES, SCRAPE_S, ScrapeHistory } from './scrape-history.ts'
import { withStagingFault } from './staging-faults.ts'

/** The rules whose fault is caused on staging. */
export const RULES_OF_ADMIN: readonly string[] = ['admin_breaker_open', 'admin_failing']
/** Prometheus makes this metric itself. */
const UP = 'up'
/** Of real time between two scrapes: all of them together are longer than a breaker stays open. */
const REST_MS = 150
/** Sensitive evaluations between two scrapes. */
const CALLS = 3

/** What a drill of staging found: rules by id with what is wrong at which instance. */
export interface AlertDrillFindings {
  readonly instances: number
  readonly silent: readonly string[]
  readonly stuck: readonly string[]
}

/**
 * Evaluates alert rules on scrapes of each instance of staging: without a fault, then while the program of
 * FF_STAGING_FAULTS lets Admin fail, and after. The time between scrapes is virtual.
 *
 * @throws FfError as `withCalledInstances` and `withStagingFault`; `proof_inconclusive` where a flag cannot be set
 */
export function drillStaging(
  rules: readonly AlertRule[],
  needs: StagingNeeds,
  context: ProbeContext,
): Promise<AlertDrillFindings> {
  const wanted = { count: needs.instances, decorate: (own: Adapters) => own, needs }
  return withCalledInstances(context, wanted, async ({ instances, callers }) => {
    const [first] = instances as readonly [ServiceInstance]
    const [caller] = callers as readonly [StagingCaller]
    await new CalledInstance(first, caller).change()
    await putSensitiveFlag(first, caller)
    const watches = instances.map((one) => new InstanceWatch(one, caller, context))
    const each = (work: (watch: InstanceWatch) => Promise<unknown>) =>
      Promise.all(watches.map(work))
    const drilled = rules.filter(({ id }) => RULES_OF_ADMIN.includes(id))
    await each((one) => one.requireClear(rules))
    await each((one) => one.requireCalm(drilled))
    await withStagingFault(context, 'admin', () => each((one) => one.requireFiring(drilled)))
    await each((one) => one.requireCleared(drilled))
    return {
      instances: instances.length,
      silent: watches.flatMap(({ silent }) => silent),
      stuck: watches.flatMap(({ stuck }) => stuck),
    }
  })
}

const getMetrics = ({ measure }: AlertRule): readonly string[] =>
  'to' in measure ? [measure.of.metric, measure.to.metric] : [measure.of.metric]

/** Evaluates rules on the scrapes of one instance, and keeps those that are silent or stuck. */
class InstanceWatch {
  readonly silent: string[] = []
  readonly stuck: string[] = []
  private readonly instance: ServiceInstance
  private readonly called: CalledInstance
  private readonly signal: AbortSignal
  private readonly history = new ScrapeHistory()
  private elapsed_s = 0

  constructor(instance: ServiceInstance, caller: StagingCaller, { signal }: ProbeContext) {
    this.instance = instance
    this.called = new CalledInstance(instance, caller)
    this.signal = signal
  }

  /** A rule whose metric the instance lacks never fires; one that fires without requests and faults is stuck. */
  async requireClear(rules: readonly AlertRule[]): Promise<void> {
    let read: Exposition | null = null
    for (let left = countLongest(rules); left > 0; left -= 1) read = await this.scrape(0)
    const families = read?.ok === true ? read.families : new Map<string, unknown>()
    for (const rule of rules) {
      const missing = getMetrics(rule).find((name) => name !== UP && !families.has(name))
      if (missing !== undefined) this.silent.push(this.describe(rule, `${missing} is not there`))
    }
    this.noteFiring(rules)
  }

  /** Rules do not fire while Admin answers. */
  async requireCalm(rules: readonly AlertRule[]): Promise<void> {
    for (let left = countLongest(rules); left > 0; left -= 1) await this.scrape(CALLS)
    this.noteFiring(rules)
  }

  async requireFiring(rules: readonly AlertRule[]): Promise<void> {
    for (const rule of await this.waitFor(rules, 'firing'))
      this.silent.push(this.describe(rule, 'it did not fire on its fault'))
  }

  async requireCleared(rules: readonly AlertRule[]): Promise<void> {
    for (const rule of await this.waitFor(rules, 'clear'))
      this.stuck.push(this.describe(rule, 'it did not clear after its fault'))
  }

  /** Waits until each rule was in the state. @returns those that were not */
  private async waitFor(
    rules: readonly AlertRule[],
    state: AlertState,
  ): Promise<readonly AlertRule[]> {
    let left = rules
    for (let at = 0; at < MOST_SCRAPES && left.length > 0 && !this.signal.aborted; at += 1) {
      await this.scrape(CALLS)
      left = left.filter((rule) => this.history.evaluate(rule) !== state)
    }
    return left
  }

  private async scrape(calls: number): Promise<Exposition | null> {
    await sleep(REST_MS)
    await Promise.all(Array.from({ length: calls }, () => this.called.evaluateSensitive()))
    this.elapsed_s += SCRAPE_S
    const read = await this.instance.scrape()
    this.history.add(read, this.elapsed_s)
    return read
  }

  private noteFiring(rules: readonly AlertRule[]): void {
    for (const rule of rules)
      if (this.history.evaluate(rule) === 'firing')
        this.stuck.push(this.describe(rule, 'it fires without its fault'))
  }

  private describe({ id }: AlertRule, what: string): string {
    return `${id} at instance ${this.instance.at}: ${what}`
  }
}

const countLongest = (rules: readonly AlertRule[]): number =>
  Math.max(...rules.map(countUntilFiring))
