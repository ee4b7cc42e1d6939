import type { AlertRule, AlertState } from '../../core/alerts/types.ts'
import { loadAlerts } from './alert-contract.ts'
import { defineProbe, fromValue, type ProbeContext } from './framework/probe.ts'
import type { StagingNeeds } from './framework/staging-target.ts'
import { type AlertDrill, ALERT_DRILLS } from './testbed/alert-drills.ts'
import { SENSITIVE_PROBE_FLAG } from './testbed/called-events.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import {
  countUntilFiring,
  MOST_SCRAPES,
  SCRAPE_S,
  ScrapeHistory,
} from './testbed/scrape-history.ts'
import { drillStaging, RULES_OF_ADMIN } from './testbed/staging-alerts.ts'
import { TestService } from './testbed/test-service.ts'

type SelectRules = (rules: readonly AlertRule[]) => readonly AlertRule[]
/** The planted faults: the contract has one rule alone, which fires while its series are sound. */
const onlyFiring: SelectRules = (rules) =>
  rules
    .filter(({ id }) => id === 'service_absent')
    .map((rule) => ({ ...rule, op: 'below', threshold: 2 }))
const spoiled = fromValue(() => onlyFiring)

const NEEDS: StagingNeeds = {
  instances: 2,
  callers: 1,
  scopes: ['ff:registry:write'],
  fault: 'admin',
  changes: `it sets the flags ${GENERATED_FLAG} and ${SENSITIVE_PROBE_FLAG}, which stay, evaluates the second one, and has Admin fail for at most half a minute`,
}

/**
 * H2: alert rules of the contract that do not fire on their fault (silent), and rules that fire without it or do not
 * clear after it (stuck), evaluated on scrapes of a real service in this process on a file store; the time between
 * scrapes is virtual. A rule without a drill is silent, also a drill without a rule. The control has a single rule, which
 * always fires.
 *
 * Where instances of staging are named, each of them has the series of every rule, no rule fires there without a fault, and
 * those of Admin fire while the program of FF_STAGING_FAULTS lets it fail, and clear after. The faults of the others are
 * those of this process alone; the record names them. Whether the Prometheus of staging holds the rules is not looked at.
 */
export const alerts = defineProbe<SelectRules, 'rules_silent' | 'rules_stuck'>({
  version: 2,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'exclusive',
  sound: fromValue((): SelectRules => (rules) => rules),
  faulty: { rules_silent: spoiled, rules_stuck: spoiled },
  measure: async (selectRules, context) => {
    const rules = selectRules((await loadAlerts(context.root)).rules)
    // Staging first: what it lacks is known at once.
    const isStaged = context.targets.staging !== undefined
    const there = isStaged ? await drillStaging(rules, NEEDS, context) : null
    const ids = [...new Set([...rules.map(({ id }) => id), ...Object.keys(ALERT_DRILLS)])]
    const run = await TestService.withRunning(
      context,
      (adapters) => adapters,
      async (service) => {
        const alertRun = new AlertRun(service, context)
        for (const [at, id] of ids.entries()) {
          const rule = rules.find((one) => one.id === id)
          await alertRun.run(
            id,
            rule,
            Object.hasOwn(ALERT_DRILLS, id) ? ALERT_DRILLS[id] : undefined,
          )
          context.progress(at + 1, ids.length)
        }
        return alertRun
      },
    )
    const { fired, scrapes } = run
    const silent = [...(there?.silent ?? []), ...run.silent]
    const stuck = [...(there?.stuck ?? []), ...run.stuck]
    return {
      measured: { rules_silent: silent.length, rules_stuck: stuck.length },
      met: {
        service: 'in this process, over HTTP on loopback, on a file store',
        rules: rules.length,
        fired: fired.length,
        scrapes,
        time: `virtual: ${SCRAPE_S} s from one scrape to the next`,
        slowest_to_fire_s: Math.max(0, ...fired),
        ...(there === null
          ? {}
          : {
              staging: `${there.instances} instances`,
              drilled_on_staging: RULES_OF_ADMIN.join(', '),
              drilled_in_this_process_alone: ids
                .filter((id) => !RULES_OF_ADMIN.includes(id))
                .join(', '),
            }),
      },
      sample_size: ids.length,
      example: [...silent, ...stuck][0] ?? null,
    }
  },
})

/** Injects the fault of each rule in turn, and records the rules that stay silent or stay firing. */
class AlertRun {
  readonly silent: string[] = []
  readonly stuck: string[] = []
  /** Virtual seconds from each fault to its alert. */
  readonly fired: number[] = []
  scrapes = 0
  private readonly service: TestService
  private readonly signal: AbortSignal
  private readonly history = new ScrapeHistory()

  constructor(service: TestService, { signal }: ProbeContext) {
    this.service = service
    this.signal = signal
  }

  /** Runs the drill of one rule. A missing rule and a rule without a drill count as silent. */
  async run(id: string, rule: AlertRule | undefined, drill: AlertDrill | undefined): Promise<void> {
    if (rule === undefined) return void this.silent.push(`${id}: the contract has no such rule`)
    if (drill === undefined)
      return void this.silent.push(`${id}: the probe has no drill for this rule`)
    this.history.clear()
    if (!(await this.staysClear(rule, drill)))
      return void this.stuck.push(`${id}: it fires without its fault`)
    const removeFault = await drill.inject(this.service)
    const since = this.service.elapsed_s
    const hasFired = await this.reaches(rule, 'firing', drill.meanwhile)
    if (hasFired) this.fired.push(this.service.elapsed_s - since)
    else this.silent.push(`${id}: it did not fire on its fault`)
    await removeFault()
    if (!(await this.reaches(rule, 'clear', drill.usual)))
      this.stuck.push(`${id}: it did not clear after its fault`)
  }

  /** Whether the rule is clear after longer than its `for_s` without a fault. */
  private async staysClear(rule: AlertRule, { usual }: AlertDrill): Promise<boolean> {
    for (let left = countUntilFiring(rule); left > 0; left -= 1) await this.scrape(usual)
    return this.reaches(rule, 'clear', usual)
  }

  private async reaches(
    rule: AlertRule,
    state: AlertState,
    traffic: AlertDrill['usual'],
  ): Promise<boolean> {
    for (let at = 0; at < MOST_SCRAPES && !this.signal.aborted; at += 1) {
      await this.scrape(traffic)
      if (this.history.evaluate(rule) === state) return true
    }
    return false
  }

  private async scrape(traffic: AlertDrill['usual']): Promise<void> {
    await this.service.advance(SCRAPE_S)
    await traffic(this.service)
    this.history.add(await this.service.scrape(), this.service.elapsed_s)
    this.scrapes += 1
  }
}
