import fc from 'fast-check'
import { explore } from './model.ts'
import { PLANTED_FAULTS } from './planted-faults.ts'
import { type Protocol, SOUND } from './protocol.ts'
import { SCENARIOS } from './scenarios.ts'
import { findPlanted } from './search.ts'
import { DEFAULTS, type Run, seedChoices, simulate } from './simulate.ts'

const print = (text: string): void => void process.stdout.write(`${text}\n`)

/** Options as `--name value`. */
function readOptions(args: readonly string[]): ReadonlyMap<string, string> {
  const options = new Map<string, string>()
  for (let at = 0; at < args.length; at += 2)
    options.set((args[at] ?? '').replace(/^--/, ''), args[at + 1] ?? '')
  return options
}

function measureCpu(): () => number {
  const started = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(started)
    return (user + system) / 1e6
  }
}

/** With `--drills yes` runs hold drills too. */
const drills = readOptions(process.argv.slice(2)).get('drills') === 'yes'
const runOnce = (choices: readonly number[], protocol: Protocol): Run =>
  simulate(choices, protocol, { drills })

/** The first word of a violation: the invariant that it breaks. */
const findKind = ({ violation }: Run): string | undefined => violation?.split(':')[0]

const SHRINK_MS = 8_000

/** The shortest run that fast-check finds to begin with this one. */
function shrink(choices: readonly number[], protocol: Protocol): readonly number[] {
  const kind = findKind(runOnce(choices, protocol))
  const runs = fc.property(
    fc.array(fc.nat(2 ** 30 - 1), { maxLength: choices.length, size: 'max' }),
    (some) => findKind(runOnce(some, protocol)) !== kind,
  )
  const { counterexample } = fc.check(runs, {
    examples: [[[...choices]]],
    numRuns: 1,
    interruptAfterTimeLimit: SHRINK_MS,
  })
  return counterexample?.[0] ?? choices
}

const printTrace = (trace: readonly string[]): void =>
  trace.forEach((line, at) => print(`${String(at + 1).padStart(4)} ${line}`))

/** Runs one seed and shrinks it where it fails. */
function replay(seed: number, protocol: Protocol): boolean {
  const choices = seedChoices(seed, DEFAULTS.steps)
  const run = runOnce(choices, protocol)
  print(
    `seed ${seed}: ${run.violation ?? 'no violation'}; ${run.steps} steps, up to ${run.farthest}`,
  )
  if (run.violation === null) return true
  const shortest = runOnce(shrink(choices, protocol), protocol)
  print(`shortest run found: ${shortest.violation}`)
  printTrace(shortest.trace)
  return false
}

function runSeeds(
  protocol: Protocol,
  { from, seconds }: { readonly from: number; readonly seconds: number },
): boolean {
  const farthest = new Map<string, number>()
  const spent = measureCpu()
  let [runs, steps, switches] = [0, 0, 0]
  for (let seed = from; spent() < seconds; seed++) {
    const run = runOnce(seedChoices(seed, DEFAULTS.steps), protocol)
    runs++
    steps += run.steps
    switches += run.switches
    farthest.set(run.farthest, (farthest.get(run.farthest) ?? 0) + 1)
    if (run.violation !== null) {
      replay(seed, protocol)
      print(`again: npm run simulate -- --seed ${seed}${drills ? ' --drills yes' : ''}`)
      return false
    }
  }
  const reached = [...farthest].map(([phase, count]) => `${phase} ${count}`).join(', ')
  const rate = Math.round(runs / spent())
  print(
    `${runs} runs from seed ${from}, ${steps} steps, ${switches} changes of phase, no violation`,
  )
  print(`${rate} runs a second and core; farthest phase: ${reached}`)
  return true
}

function checkModel(protocol: Protocol, seconds: number): boolean {
  let sound = true
  let total = 0
  for (const scenario of SCENARIOS) {
    const spent = measureCpu()
    const until = (): boolean => spent() > seconds / SCENARIOS.length
    const found = explore(scenario, protocol, { depth: 200, states: 4e6, until })
    const { ticks, writes, faults } = scenario.budget
    total += found.states
    print(
      `${scenario.name} | ${ticks} | ${writes} | ${faults} | ${found.states} | ${found.depth}${found.complete ? ', all' : ''} | ${Math.round(spent())} s | ${found.violation ?? 'none'}`,
    )
    printTrace(found.trace)
    sound &&= found.violation === null
  }
  print(`${total} states`)
  return sound
}

function searchPlanted(): boolean {
  let all = true
  for (const [name, { what }] of Object.entries(PLANTED_FAULTS)) {
    const found = findPlanted(name)
    all &&= found !== null
    print(
      `${name} | ${what} | ${found === null ? 'NOT FOUND' : `${found.by} | ${found.work} | ${found.length} | ${found.violation}`}`,
    )
  }
  return all
}

/**
 * `npm run simulate -- [--seconds N] [--from SEED]`: seeds one after another. `--seed N`: one seed, shrunk where it fails.
 * `--drills yes`: with drills. `--model SECONDS`: the model check. `--planted all`: each planted fault is searched. `--fault NAME` plants one.
 */
function main(): boolean {
  const options = readOptions(process.argv.slice(2))
  const fault = options.get('fault')
  const protocol = fault === undefined ? SOUND : PLANTED_FAULTS[fault]?.protocol
  if (protocol === undefined)
    throw new Error(
      `No planted fault is named ${fault}: ${Object.keys(PLANTED_FAULTS).join(', ')}.`,
    )
  const read = (name: string, standard: number): number => Number(options.get(name) ?? standard)
  if (options.has('seed')) return replay(read('seed', 1), protocol)
  if (options.has('model')) return checkModel(protocol, read('model', 300))
  if (options.has('planted')) return searchPlanted()
  return runSeeds(protocol, { from: read('from', 1), seconds: read('seconds', 10) })
}

process.exitCode = main() ? 0 : 1
