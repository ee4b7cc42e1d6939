import { closeAfter, type KeepOpen } from '../../concurrency/open-all.ts'
import type { LoadArrival } from '../../core/load-stats/load.ts'
import { FfError } from '../../errors.ts'
import type { ProbeContext } from '../probes/framework/probe.ts'
import { runLoad } from '../probes/testbed/load-generator.ts'

/** An instance of the service by its origins. */
export interface RehearsedInstance {
  readonly service: string
  readonly admin: string
}

/** Longer than any rehearsal. */
const LIFE_MS = 6 * 3_600_000
const PORTS = { FF_LISTEN: '127.0.0.1:0', FF_ADMIN_LISTEN: '127.0.0.1:0' }

/**
 * Starts `ff serve` in a process of its own, which ends with `keep` or with this process.
 *
 * @throws FfError `command_unanswered` where it does not listen
 */
export async function startRehearsed(
  { adapters, signal, cwd }: ProbeContext,
  env: Readonly<Record<string, string>>,
  keep: KeepOpen,
): Promise<RehearsedInstance> {
  const limits = { cwd, env: { ...env, ...PORTS }, signal, timeoutMs: LIFE_MS }
  const program = await keep(adapters.startFf(['serve'], limits), (one) => one.kill())
  const found = await program.says(/Listening on (\S+\s+Health and metrics on \S+)/)
  const [service, admin] = found.ok ? found.text.split(/\s+Health and metrics on /) : []
  if (service !== undefined && admin !== undefined) return { service, admin }
  throw new FfError(
    'command_unanswered',
    'ff serve did not start on the stores of the rehearsal.',
    {
      hint: `It said: ${found.ok ? found.text : found.last_line.slice(0, 300)}`,
    },
  )
}

/** A load that runs until it is ended. */
export interface RehearsedLoad {
  /** Ends it; the arrivals are those of all its requests. */
  readonly end: () => Promise<readonly LoadArrival[]>
}
const PER_S = 20

/**
 * Evaluates a flag at the instances in turn, with a token, 20 times a second. An answer other than 200 is a failure.
 *
 * @param caller a token
 */
export function startLoad(
  { adapters }: ProbeContext,
  {
    instances,
    flag,
    caller,
  }: {
    readonly instances: readonly RehearsedInstance[]
    readonly flag: string
    readonly caller: string
  },
): RehearsedLoad {
  const controller = new AbortController()
  const done = closeAfter(async (keep) => {
    const clients = await Promise.all(
      instances.map(({ service }) => keep(adapters.openClient(service))),
    )
    const request = {
      method: 'POST',
      path: '/v1/flags/evaluate',
      headers: { authorization: `Bearer ${caller}` },
      body: JSON.stringify({ flag_key: flag }),
    } as const
    const send = (at: number): Promise<boolean> =>
      (clients[at % clients.length] as (typeof clients)[number]).send(request).then(
        ({ status }) => status === 200,
        () => false, // A refused connection is a failed request.
      )
    return runLoad(send, { per_s: PER_S, requests: Infinity }, controller.signal)
  })
  // Its error is that of `end`.
  done.catch(() => undefined)
  return {
    end: () => {
      controller.abort()
      return done
    },
  }
}
