import type { RouteRequest, RouteResponse, Route } from '../../ports/http.ts'
import { type PlantedFault, inService, type WrapRoute, type FaultSide } from './fault.ts'

type Handle = Route['handle']
/** Called once per service, so that a fault can keep state. */
type Make = () => WrapRoute
const at =
  (id: string, make: () => (handle: Handle) => Handle): Make =>
  () => {
    const change = make()
    return (route) => (route.id === id ? change(route.handle) : route.handle)
  }

const evaluating = (make: () => (handle: Handle) => Handle): Make => at('flags.evaluate', make)
/** Changes the text of each response. */
const saying = (change: (text: string) => string): Make =>
  evaluating(() => (handle) => async (call) => {
    const reply = await handle(call)
    return { ...reply, text: change(reply.text) }
  })
/** Changes each request before the service handles it. */
const asked = (change: (call: RouteRequest) => Partial<RouteRequest>): Make =>
  evaluating(() => (handle) => (call) => handle({ ...call, ...change(call) }))
/** Changes each scene before the harness takes it. @param change receives the parsed scene */
const standing = (change: (scene: object) => object): Make =>
  at('harness.scene', () => (handle) => (call) => {
    const scene: unknown = JSON.parse(call.body)
    return handle({ ...call, body: JSON.stringify(change(scene as object)) })
  })

const ANONYMOUS = { token: null, dev_headers: null } as const
const without = (body: string, left: string): string => {
  const members = Object.entries(JSON.parse(body) as object)
  return JSON.stringify(Object.fromEntries(members.filter(([name]) => name !== left)))
}
const inOwnName = (text: string, id: string): string =>
  text.replace(/("request_id":")[^"]+/, (_, name: string) => name + id)

type ServedFaultRow = readonly [
  name: string,
  models: string,
  make: Make,
  sides?: readonly FaultSide[],
]
const BOTH: readonly FaultSide[] = ['baseline', 'candidate']
const PLANTED: readonly ServedFaultRow[] = [
  [
    'environment-forgotten',
    'a service that ignores its environment',
    standing((scene) => ({ ...scene, environment: 'prod' })),
    BOTH,
  ],
  ['token-dropped', 'the token is lost on the way', asked(() => ({ credential: ANONYMOUS })), BOTH],
  [
    'who-by-connection',
    'the first credential counts for all later requests',
    evaluating(() => {
      let first: RouteRequest['credential'] | null = null
      return (handle) => (call) => {
        first ??= call.credential
        return handle({ ...call, credential: first })
      }
    }),
    BOTH,
  ],
  [
    'cached-by-caller',
    'a cached answer for another flag',
    evaluating(() => {
      const kept = new Map<string, RouteResponse>()
      return (handle) => async (call) => {
        const caller = JSON.stringify(call.credential)
        const reply = kept.get(caller) ?? (await handle(call))
        kept.set(caller, reply)
        return { ...reply, text: inOwnName(reply.text, call.request_id) }
      }
    }),
    BOTH,
  ],
  [
    'answer-behind',
    'the answer to the request before',
    evaluating(() => {
      let before: RouteResponse | null = null
      return (handle) => async (call) => {
        const reply = await handle(call)
        const told = before ?? reply
        before = reply
        return { ...told, text: inOwnName(told.text, call.request_id) }
      }
    }),
  ],
  [
    'rows-stale',
    'rows loaded after the first ones are ignored',
    at('harness.rows', () => {
      let loaded = false
      return (handle) => async (call) => {
        const reply = await handle(loaded ? { ...call, body: NO_ROWS } : call)
        loaded = true
        return reply
      }
    }),
  ],
  [
    'clock-behind',
    'a service whose clock is a day behind',
    standing((scene) => ({ ...scene, now: dayBefore(scene) })),
    BOTH,
  ],
  [
    'approvals-forgotten',
    'no approval reaches the service',
    standing((scene) => ({ ...scene, approvals: [] })),
    BOTH,
  ],
  [
    'admin-always-there',
    'an unreachable Admin counts as reachable',
    standing((scene) => ({ ...scene, admin: 'reachable' })),
    BOTH,
  ],
  [
    'keys-forgotten',
    'a service that was started without keys',
    standing((scene) => ({ ...scene, keys: null })),
    BOTH,
  ],
  [
    'approval-dropped',
    'approval_ref of the request is ignored',
    asked(({ body }) => ({ body: without(body, 'approval_ref') })),
    BOTH,
  ],
  [
    'request-id-of-another',
    'the id of another request',
    asked(({ request_id }) => ({ request_id: `${request_id}-2` })),
    BOTH,
  ],
  ['cut-short', 'a truncated answer', saying((text) => text.slice(0, -1))],
  ['empty', 'an answer without a body', saying(() => '')],
  ['byte-order-mark', 'a byte order mark before the answer', saying((text) => `\uFEFF${text}`)],
  [
    'latin-1',
    'a gateway that reads UTF-8 as Latin-1',
    saying((text) => Buffer.from(text, 'utf8').toString('latin1')),
  ],
  ['wrapped', 'a gateway that wraps each answer', saying((text) => `{"data":${text}}`)],
  [
    'rounded',
    'numbers rounded to 32-bit floats',
    saying((text) =>
      text.replace(/"value":(-?\d[\d.e+-]*)/, (_, value: string) => {
        return `"value":${JSON.stringify(Math.fround(Number(value)))}`
      }),
    ),
  ],
]

const NO_ROWS = '{"flags":[],"tenant_overrides":[],"user_overrides":[]}'
const DAY_MS = 86_400_000
const dayBefore = (scene: object): string => {
  const { now } = scene as { readonly now: string }
  return new Date(Date.parse(now) - DAY_MS).toISOString()
}

/** Faults of a service between its store and its HTTP callers. */
export const SERVED_FAULTS: readonly PlantedFault[] = PLANTED.map(
  ([name, models, make, sides = ['candidate']]) => ({
    id: `served.${name}`,
    models,
    proof: 'served',
    plant: inService(sides, make),
  }),
)
