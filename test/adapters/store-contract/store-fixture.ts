import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { ScratchStore, ServiceStore } from '../../../src/ports/store.ts'
import type { Backing, OpenedStore } from './opened-store.ts'

export interface StoreFixture {
  readonly store: ScratchStore & ServiceStore
  readonly opened: OpenedStore
}
type Hook = (work: () => Promise<void>) => void

/** Opens a new store for each test. */
export const useFreshStore = (backing: Backing): StoreFixture =>
  openAround(backing, [beforeEach, afterEach])
/** Opens one store for all tests of a group, which use different flags. */
export const useSharedStore = (backing: Backing): StoreFixture =>
  openAround(backing, [beforeAll, afterAll])

function openAround(backing: Backing, [before, after]: readonly [Hook, Hook]): StoreFixture {
  let now: OpenedStore | undefined
  const opened = (): OpenedStore => {
    if (now === undefined) throw new Error('no store is open')
    return now
  }
  before(async () => void (now = await backing.open()))
  after(() => opened().close())
  return {
    get store() {
      return opened().store
    },
    get opened() {
      return opened()
    },
  }
}
