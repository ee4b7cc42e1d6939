import { type CacheStage, ONE, TWO } from './cache-stage.ts'

type Scene = (stage: CacheStage) => Promise<void>

/** More changes than a cache of the selftest remembers. */
export const REMEMBERED = 4
const HIGH_SEQ = 1_000_000

/**
 * What happens to a cache, its Redis and its channels, each by its name: every read after it has to be that of the
 * database.
 */
export const CACHE_SCENES: Readonly<Record<string, Scene>> = {
  'a change': async (stage) => {
    const reader = await stage.open()
    await stage.compare(reader)
    for (const value of [1, 2]) {
      stage.database.put(ONE, value)
      await reader.follow()
      await stage.compare(reader)
    }
  },
  'a deletion that a failover of Redis lost': async (stage) => {
    stage.database.put(ONE, 1)
    const reader = await stage.open()
    await stage.compare(reader)
    const kept = await stage.fetch(ONE)
    stage.database.put(ONE, 2)
    await reader.follow()
    await stage.putBack(ONE, kept)
    await stage.compare(reader)
  },
  'an entry from before all changes that are remembered': async (stage) => {
    stage.database.put(ONE, 1)
    const reader = await stage.open()
    await stage.compare(reader)
    const kept = await stage.fetch(ONE)
    stage.database.put(ONE, 2)
    for (let at = 0; at <= REMEMBERED; at += 1) stage.database.put(`T-${at}`, 1)
    await reader.follow()
    await stage.putBack(ONE, kept)
    await stage.compare(reader)
  },
  'a forged entry': (stage) => replaceEntry(stage, { mac: stage.foreignMac }),
  'the entry of another tenant': async (stage) => {
    stage.database.put(ONE, 1)
    await stage.compare(await stage.open())
    await stage.fetch(ONE)
    await stage.set(ONE, await stage.fetch(TWO))
    await stage.compare(await stage.open())
  },
  'an entry of an earlier epoch of the cutover': (stage) => {
    const { cutover, operator } = stage.database.epoch
    return replaceEntry(stage, { epoch: { cutover: cutover - 1, operator } })
  },
  'a load that a change overtakes': async (stage) => {
    stage.database.put(ONE, 1)
    const reader = await stage.open()
    const [reached, isReached] = signal()
    const [released, release] = signal()
    stage.database.pause = () => {
      isReached()
      return released
    }
    const reading = reader.read(ONE)
    await reached
    stage.database.pause = () => Promise.resolve()
    stage.database.put(ONE, 2)
    await reader.follow()
    release()
    await reading
    await stage.compare(reader)
  },
  'a message that is lost': async (stage) => {
    for (const tenant of [ONE, TWO]) stage.database.put(tenant, 1)
    const reader = await stage.open()
    await stage.compare(reader)
    stage.database.put(ONE, 2)
    reader.hear('invalidate', stage.toMessage(stage.database.put(TWO, 2)))
    await stage.compare(reader)
  },
  'a message that comes again': async (stage) => {
    stage.database.put(ONE, 1)
    const reader = await stage.open()
    await stage.compare(reader)
    const before = await stage.fetch(ONE)
    const first = stage.toMessage(stage.database.put(ONE, 2))
    reader.hear('invalidate', first)
    await stage.compare(reader)
    const kept = await stage.fetch(ONE, before)
    reader.hear('invalidate', stage.toMessage(stage.database.put(ONE, 3)))
    reader.hear('invalidate', first)
    await stage.putBack(ONE, kept)
    await stage.compare(reader)
  },
  'a forged message': async (stage) => {
    const { target } = stage.database.put(TWO, 1)
    stage.database.put(ONE, 1)
    const reader = await stage.open()
    await stage.compare(reader)
    const change = stage.database.put(ONE, 2)
    reader.hear('invalidate', stage.toMessage({ ...change, target }, stage.foreignMac))
    reader.hear('invalidate', stage.toMessage(change))
    await stage.compare(reader)
  },
  'a heartbeat with a high number': async (stage) => {
    stage.database.put(ONE, 1)
    const reader = await stage.open()
    await stage.compare(reader)
    reader.hear('heartbeat', stage.toBeat(HIGH_SEQ))
    reader.hear('invalidate', stage.toMessage(stage.database.put(ONE, 2)))
    await stage.compare(reader)
  },
  'another epoch of the cutover': async (stage) => {
    const { database } = stage
    database.put(ONE, 1)
    const reader = await stage.open()
    await stage.compare(reader)
    database.putUnsaid(ONE, 2)
    database.epoch = { ...database.epoch, cutover: database.epoch.cutover + 1 }
    await reader.follow()
    await stage.compare(reader)
  },
}

/** Replaces the entry of a tenant with an override by the fact that it has none, before another instance reads it. */
async function replaceEntry(
  stage: CacheStage,
  seal: Parameters<CacheStage['sealAbsence']>[1],
): Promise<void> {
  stage.database.put(ONE, 1)
  await stage.compare(await stage.open())
  await stage.fetch(ONE)
  await stage.set(ONE, stage.sealAbsence(ONE, seal))
  await stage.compare(await stage.open())
}

/** A promise, and what resolves it. */
function signal(): readonly [reached: Promise<void>, reach: () => void] {
  let reach = (): void => undefined
  const reached = new Promise<void>((resolve) => (reach = resolve))
  return [reached, reach]
}
