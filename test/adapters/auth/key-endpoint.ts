import type { IncomingHttpHeaders } from 'node:http'
import { ManualClock } from '../../../src/adapters/auth/clock.ts'
import { type CacheTimes, JwksClient } from '../../../src/adapters/auth/jwks-client.ts'
import type { FetchFault, FetchedKeySet } from '../../../src/adapters/auth/jwks-fetch.ts'
import type { UntrustedJwk } from '../../../src/adapters/auth/key-filter.ts'
import { CONTRACT } from '../../core/auth-contract.ts'

type Outcome =
  | FetchFault['kind']
  | { readonly keys: readonly UntrustedJwk[]; readonly headers?: IncomingHttpHeaders }

/** A fake endpoint whose outcome the test sets; `hold` suspends its fetches until `release`. */
export class KeyEndpoint {
  /** Outcome of the next fetch. */
  outcome: Outcome
  /** Start of each fetch, in ms of the clock. */
  readonly asked: number[] = []
  readonly clock: ManualClock
  private gate: Promise<void> | null = null
  private open: () => void = () => undefined

  constructor(outcome: Outcome, clock: ManualClock = new ManualClock()) {
    this.outcome = outcome
    this.clock = clock
  }

  readonly fetch = async (): Promise<FetchedKeySet> => {
    this.asked.push(this.clock.now())
    await this.gate
    const { outcome } = this
    if (typeof outcome === 'string') return { ok: false, kind: outcome, detail: outcome }
    const { keys, headers = {} } = outcome
    return { ok: true, keys, headers, body: Buffer.from(JSON.stringify({ keys })) }
  }

  /** Suspends all fetches from now on. */
  hold(): void {
    this.gate = new Promise((resolve) => {
      this.open = resolve
    })
  }
  /** Ends the suspension. */
  release(): void {
    this.gate = null
    this.open()
  }

  client(times: Partial<CacheTimes> = {}): JwksClient {
    const { fetch, clock } = this
    return new JwksClient({
      fetch,
      clock,
      keys: CONTRACT.keys,
      times: { ...CONTRACT.client, ...times },
    })
  }
}

/** Moves the clock forward and runs the timers that fall due. */
export async function pass(
  { clock }: { readonly clock: ManualClock },
  client: JwksClient,
  seconds: number,
): Promise<void> {
  const end = clock.now() + seconds * 1_000
  while (clock.step(end - clock.now()) !== null) await client.idle()
}
