import type { RouteRequest, RouteResponse, Route } from '../../ports/http.ts'
import { type PlantedFault, inService, type WrapRoute, type FaultSide } from './fault.ts'

type Handle = Route['handle']
/** Called once per service, so that a fault can keep state. */
type Make = () => WrapRoute
const onRoute =
  (id: string, make: () => (handle: Handle) => Handle): Make =>
  () => {
    const change = make()
    return (route) => (route.id === id ? change(route.handle) : route.handle)
  }

const onEvaluate = (make: () => (handle: Handle) => Handle): Make => onRoute('flags.evaluate', make)
/** Changes the text of each response. */
const changeText = (change: (text: string) => string): Make =>
  onEvaluate(() => (handle) => async (call) => {
    const reply = await handle(call)
    return { ...reply, text: change(reply.text) }
  })
/** Changes each request before the service handles it. */
const changeRequest = (change: (call: RouteRequest) => Partial<RouteRequest>): Make =>
  onEvaluate(() => (handle) => (call) => handle({ ...call, ...change(call) }))
/** Changes each scene before the harness takes it. @param change receives the parsed scene */
const changeScene = (change: (scene: object) => object): Make =>
  onRoute('harness.scene', () => (handle) => (call) => {
    const scene: unknown = JSON.parse(call.body)
    return handle({ ...call, body: JSON.stringify(change(scene as object)) })
  })

const ANONYMOUS = { token: null, dev_headers: null } as const
const dropMember = (body: string, dropped: string): string => {
  const members = Object.entries(JSON.parse(body) as object)
  return JSON.stringify(Object.fromEntries(members.filter(([name]) => name !== dropped)))
}
const withRequestId = (text: string, id: string): string =>
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
    changeScene((scene) => ({ ...scene, environment: 'prod' })),
    BOTH,
  ],
  [
    'token-dropped',
    'the token is lost on the way',
    changeRequest(() => ({ credential: ANONYMOUS })),
    BOTH,
  ],
  [
    'who-by-connection',
    'the first credential counts for all later requests',
    onEvaluate(() => {
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
    onEvaluate(() => {
      const kept = new Map<string, RouteResponse>()
      return (handle) => async (call) => {
        const caller = JSON.stringify(call.credential)
        const reply = kept.get(caller) ?? (await handle(call))
        kept.set(caller, reply)
        return { ...reply, text: withRequestId(reply.text, call.request_id) }
      }
    }),
    BOTH,
  ],
  [
    'answer-behind',
    'the answer to the request before',
    onEvaluate(() => {
      let before: RouteResponse | null = null
      return (handle) => async (call) => {
        const reply = await handle(call)
        const served = before ?? reply
        before = reply
        return { ...served, text: withRequestId(served.text, call.request_id) }
      }
    }),
  ],
  [
    'rows-stale',
    'rows loaded after the first ones are ignored',
    onRoute('harness.rows', () => {
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
    changeScene((scene) => ({ ...scene, now: toDayBefore(scene) })),
    BOTH,
  ],
  [
    'approvals-forgotten',
    'no approval reaches the service',
    changeScene((scene) => ({ ...scene, approvals: [] })),
    BOTH,
  ],
  [
    'admin-always-there',
    'an unreachable Admin counts as reachable',
    changeScene((scene) => ({ ...scene, admin: 'reachable' })),
    BOTH,
  ],
  [
    'keys-forgotten',
    'a service that was started without keys',
    changeScene((scene) => ({ ...scene, keys: null })),
    BOTH,
  ],
  [
    'approval-dropped',
    'approval_ref of the request is ignored',
    changeRequest(({ body }) => ({ body: dropMember(body, 'approval_ref') })),
    BOTH,
  ],
  [
    'request-id-of-another',
    'the id of another request',
    changeRequest(({ request_id }) => ({ request_id: `${request_id}-2` })),
    BOTH,
  ],
  ['cut-short', 'a truncated answer', changeText((text) => text.slice(0, -1))],
  ['empty', 'an answer without a body', changeText(() => '')],
  ['byte-order-mark', 'a byte order mark before the answer', changeText((text) => `\uFEFF${text}`)],
  [
    'latin-1',
    'a gateway that reads UTF-8 as Latin-1',
    changeText((text) => Buffer.from(text, 'utf8').toString('latin1')),
  ],
  ['wrapped', 'a gateway that wraps each answer', changeText((text) => `{"data":${text}}`)],
  [
    'rounded',
    'numbers rounded to 32-bit floats',
    changeText((text) =>
      text.replace(/"value":(-?\d[\d.e+-]*)/, (_, value: string) => {
        return `"value":${JSON.stringify(Math.fround(Number(value)))}`
      }),
    ),
  ],
]

const NO_ROWS = '{"flags":[],"tenant_overrides":[],"user_overrides":[]}'
const DAY_MS = 86_400_000
const toDayBefore = (scene: object): string => {
  const { now } = scene as { readonly now: string }
  return new Date(Date.parse(now) - DAY_MS).toISOString()
}

/**
 * Faults of a service between its store and its HTTP callers, of the candidate or of both sides, with ids
 * `served.NAME`; the vectors over HTTP (proof `served`) have to catch each.
 */
export const SERVED_FAULTS: readonly PlantedFault[] = PLANTED.map(
  ([name, models, make, sides = ['candidate']]) => ({
    id: `served.${name}`,
    models,
    proof: 'served',
    plant: inService(sides, make),
  }),
)
