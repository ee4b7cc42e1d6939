import { availableParallelism } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CODE } from '../support/gate-folder.ts'
import { everyNth, oneOfEach } from '../support/scale.ts'
import type { Env, Files } from './folder.ts'
import { type Attack, changeAlone, swap, takeFrom } from './kinds.ts'
import { Lane, type Order } from './lane.ts'
import { EXEMPTIONS, findExemption } from './promises.ts'
import { type Judged, writeResults } from './results.ts'
import { DECISION, makeScene, MINUTE_MS, type Scene } from './scene.ts'

/**
 * Places of each kind in each file. `npm run attacks` sets it, plays all attacks and writes RESULTS.md; other runs play one
 * of each kind.
 */
const PLACES = Number(process.env['FF_ATTACKS'] ?? 1)
const ALL = process.env['FF_ATTACKS'] !== undefined
const LIMIT_MS = 3_600_000

let scene: Scene
/** Each judges on its own; one suffices for few attacks. */
let lanes: readonly [Lane, ...Lane[]]
beforeAll(async () => {
  scene = await makeScene({ whole: ALL })
  const open = (): Promise<Lane> => Lane.open(scene.folder)
  const others = Array.from({ length: ALL ? availableParallelism() - 1 : 0 }, open)
  lanes = await Promise.all([open(), ...others])
}, 120_000)
afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane.close()))
  await scene.folder.remove()
})

/** A folder that is attacked, and how it is judged. */
interface Target extends Omit<Order, 'now'> {
  readonly files: Files
  /** Of the kinds of attacks, the share that other runs than `npm run attacks` play: one in so many. */
  readonly oneIn: number
}
const filter = (files: Files, keep: (name: string) => boolean): Files =>
  new Map([...files].filter(([name]) => keep(name)))
const isDecision = (name: string): boolean => name === DECISION
const isOther = (name: string): boolean => name !== DECISION
type Moments = ReadonlyMap<string, Files>
const filterAll = (all: Moments, keep: (name: string) => boolean): Moments =>
  new Map([...all].map(([name, files]) => [name, filter(files, keep)]))

/** The report that is written soonest: each reporter has tests of its own. */
const JSON_REPORT = ['--format', 'json']

/** The folder with a GO. */
const toGo = (env: Env = {}): Target => ({
  files: filter(scene.files, isOther),
  env: { ...scene.env, ...env },
  toArgs: () => ['gate', ...JSON_REPORT],
  oneIn: 1,
})
const SUBJECT =
  `--environment production --cutover flags-to-postgres --attempt 1 --code ${CODE}`.split(' ')
/** The decision file of that GO, as a third party judges it. */
const toOffline = (): Target => ({
  files: filter(scene.files, isDecision),
  env: scene.env,
  toArgs: (folder) => ['gate', '--offline', folder.toPath(DECISION)].concat(SUBJECT, JSON_REPORT),
  oneIn: 4, // Its bytes are flipped in gate-offline.e2e.test.ts too.
})

/** Minutes from now at which a gate judges. The heads are 5 minutes old then, and the GO holds for 20 more. */
const CLOCKS = { now: 0, earlier: -7, later: 10 } as const
type Clock = keyof typeof CLOCKS

const judge = (lane: Lane, { env, toArgs }: Target, clock: Clock): Promise<number> =>
  lane.judge({ toArgs, env, now: scene.now + CLOCKS[clock] * MINUTE_MS })

/** Every verdict on an attack. */
const judged: Judged[] = []

/** Now, and in a whole run the other clocks in turn. */
const chooseClocks = (at: number): readonly Clock[] =>
  ALL ? ['now', at % 2 === 0 ? 'earlier' : 'later'] : ['now']

interface Verdict extends Judged {
  /** The attack and the clock. */
  readonly what: string
}

/** Plays attacks on a folder. @returns those that end 0 without a reason, or 1 */
async function play(target: Target, attacks: readonly Attack[]): Promise<readonly string[]> {
  expect(attacks.length).toBeGreaterThan(0)
  const some = everyNth(
    oneOfEach(attacks, ({ kind }) => kind),
    target.oneIn,
  )
  const verdicts: (readonly Verdict[])[] = []
  // All lanes take from one queue.
  const queue = (ALL ? attacks : some).entries()
  const work = async (lane: Lane): Promise<void> => {
    await lane.write(target.files)
    for (const [at, attack] of queue) verdicts[at] = await playOne(lane, target, [at, attack])
  }
  await Promise.all(lanes.map(work))
  judged.push(...verdicts.flat())
  return verdicts
    .flat()
    .filter(({ status, exemption }) => status === 1 || (status === 0 && exemption === null))
    .map(({ what, status }) => `${what}: ${status}`)
}

/** Changes the files, judges them, and puts them back. */
async function playOne(
  lane: Lane,
  target: Target,
  [at, attack]: readonly [number, Attack],
): Promise<readonly Verdict[]> {
  const { file, kind, what, changes } = attack
  for (const [name, change] of changes) await lane.put(name, change)
  const verdicts: Verdict[] = []
  for (const clock of chooseClocks(at)) {
    const status = await judge(lane, target, clock)
    const exemption = status === 0 ? findExemption(attack, target.files) : null
    const shown = `${file}: ${kind}, ${what}, ${clock}`
    verdicts.push({ file, kind, clock, status, exemption, what: shown })
  }
  for (const name of changes.keys()) await lane.put(name, target.files.get(name) ?? null)
  return verdicts
}

test('the untouched folder is a GO now and later, as is its decision', async () => {
  for (const lane of lanes)
    for (const target of [toGo(), toGo({ FF_EVIDENCE_HEAD: scene.heads }), toOffline()]) {
      await lane.write(target.files)
      const statuses = [await judge(lane, target, 'now'), await judge(lane, target, 'later')]
      expect(statuses).toEqual([0, 0])
    }
})

test.each([
  ['a file of the folder', toGo],
  ['the decision', toOffline],
])(
  'a change to %s is no GO and no bug',
  async (_what, toTarget) => {
    const target = toTarget()
    const names = [...target.files.keys()]
    const attacks = names.flatMap((name) => [...changeAlone(target.files, name, PLACES)])
    expect(await play(target, attacks)).toEqual([])
  },
  LIMIT_MS,
)

test(
  'two files that are swapped are no GO',
  async () => {
    expect(await play(toGo(), [...swap(toGo().files)])).toEqual([])
  },
  LIMIT_MS,
)

test(
  'files as they were are no GO',
  async () => {
    const past = filterAll(scene.past, isOther)
    const pinned = toGo({ FF_EVIDENCE_HEAD: scene.heads })
    const found = [
      await play(toGo(), [...takeFrom(toGo().files, past, 'as it was')]),
      await play(pinned, [...takeFrom(pinned.files, past, 'as it was, under FF_EVIDENCE_HEAD')]),
    ]
    expect(found.flat()).toEqual([])
  },
  LIMIT_MS,
)

test(
  'files of another cutover are no GO',
  async () => {
    const others = filterAll(scene.others, isOther)
    const attacks = [...takeFrom(toGo().files, others, 'of another cutover')]
    expect(await play(toGo(), attacks)).toEqual([])
  },
  LIMIT_MS,
)

test(
  'an older decision, and one about another cutover, are no GO',
  async () => {
    const target = toOffline()
    const found = [
      ...takeFrom(target.files, filterAll(scene.past, isDecision), 'as it was'),
      ...takeFrom(target.files, filterAll(scene.others, isDecision), 'of another cutover'),
    ].filter(({ file }) => file === DECISION)
    expect(await play(target, found)).toEqual([])
  },
  LIMIT_MS,
)

test(
  'what ended a GO cannot be undone by older files',
  async () => {
    const wrong: string[] = []
    const before = new Map([['now', toGo().files]])
    for (const [name, { files, env, heads }] of scene.ended) {
      const target = { ...toGo(), files: filter(files, isOther), env }
      const [lane] = lanes
      await lane.write(target.files)
      expect(await judge(lane, target, 'now')).toBeGreaterThan(1)
      const pinned = { ...target, env: { ...env, FF_EVIDENCE_HEAD: heads } }
      const unpinned = { ...target, env: scene.env }
      for (const [kind, one] of [
        [`put back after ${name}`, target],
        [`put back after ${name}, under FF_EVIDENCE_HEAD`, pinned],
        [`put back after ${name} and before the pin was set`, unpinned],
      ] as const)
        if (one !== unpinned || env !== scene.env)
          wrong.push(...(await play(one, [...takeFrom(one.files, before, kind)])))
    }
    expect(wrong).toEqual([])
  },
  LIMIT_MS,
)

test('every exit 0 has an exemption; a whole run meets each exemption, and writes the counts', async () => {
  expect(judged.filter(({ status, exemption }) => status === 0 && exemption === null)).toEqual([])
  if (!ALL) return
  const met = new Set(judged.map(({ exemption }) => exemption))
  expect(EXEMPTIONS.filter((one) => !met.has(one))).toEqual([])
  await writeResults(judged, PLACES)
})
