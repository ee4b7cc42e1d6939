import {
  type Scene,
  SCENE_TIME,
  type SceneAsk,
  TOKEN_TENANT,
  TOKEN_USER,
} from '../core/parity/scene.ts'
import { deriveCovers } from '../core/parity/covers.ts'
import type { Answer } from '../core/parity/judge.ts'
import { rowText } from '../core/state/row-text.ts'
import type { AnyRow } from '../core/state/rows.ts'
import { type Callers, credentialOf, requestOf } from './fuzz-callers.ts'

/** The scene as a matrix of one vector, ready to be put into a file: what the baseline said is what must come. */
export function vectorOf(
  { given }: Scene,
  { ask, baseline }: { readonly ask: SceneAsk; readonly baseline: Answer },
  callers: Callers,
): object {
  const { environment, fixture } = callers[ask.mode]
  const { state, approvals, admin } = given
  const request = requestOf(ask)
  const byToken = fixture !== null
  const asker = {
    auth_mode: ask.mode,
    tenant_id: byToken ? TOKEN_TENANT : ask.tenant_id,
    user_id: byToken ? TOKEN_USER : ask.user_id,
  }
  const covers = deriveCovers({ ...given, now: SCENE_TIME, environment }, asker, request)
  return {
    kind: 'parity_test_matrix',
    schemaVersion: 1,
    vectors: [
      {
        id: 'PF-01',
        title: 'Found at random, and made as small as it gets',
        use_cases: [],
        covers,
        given: {
          now: SCENE_TIME,
          environment,
          flags: rows(state.flag_registry),
          tenant_overrides: rows(state.tenant_override),
          user_overrides: rows(state.user_override),
          approvals,
          admin,
          credential: fixture === null ? headersOf(ask, callers) : { fixture },
        },
        when: { request: withoutNulls(request) },
        // The baseline is the side that is trusted; look at it before you commit this.
        ...Object.fromEntries(
          baseline.status === 'decided' ? [['then', expectationOf(baseline.text)]] : [],
        ),
      },
    ],
  }
}

const rows = (held: readonly AnyRow[]): readonly unknown[] =>
  held.map((row) => JSON.parse(rowText(row)) as unknown)
const withoutNulls = (held: object): object =>
  Object.fromEntries(Object.entries(held).filter(([, value]) => value !== null))

function headersOf(ask: SceneAsk, callers: Callers): object | null {
  const { dev_headers } = credentialOf(ask, callers)
  return dev_headers === null ? null : { dev_headers: withoutNulls(dev_headers) }
}

/** The whole envelope but the side's own mark. */
function expectationOf(text: string): object {
  const { meta, ...rest } = JSON.parse(text) as { meta: Record<string, unknown> }
  const { backing_state: _, ...shared } = meta
  return { ...rest, meta: shared }
}
