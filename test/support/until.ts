import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `check` gives true. @throws after 20 s */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000
  while (!(await check())) {
    if (performance.now() > end) throw new Error('waited 20 s in vain')
    await sleep(5)
  }
}
