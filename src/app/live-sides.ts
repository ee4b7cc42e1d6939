import type { Live } from '../ports.ts'
import type { ParityRequest } from './parity.ts'
import type { ParityInputs } from './parity-inputs.ts'

/** Opens both sides as they stand, the baseline first: a private candidate is filled with its rows. Both close at the end. */
export async function withLiveSides<T>(
  { baseline, candidate, adapters }: ParityRequest,
  { migrations, persistence }: ParityInputs,
  use: (sides: { readonly baseline: Live; readonly candidate: Live }) => Promise<T>,
): Promise<T> {
  const needs = { migrations, versions: persistence.value.postgres }
  const first = await adapters.openLive(baseline, { ...needs, copied: null })
  try {
    const second = await adapters.openLive(candidate, { ...needs, copied: () => first.state() })
    try {
      return await use({ baseline: first, candidate: second })
    } finally {
      await second.close()
    }
  } finally {
    await first.close()
  }
}
