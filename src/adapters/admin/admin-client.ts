import type { AdminLimits } from '../../core/admin/contract.ts'
import {
  type CheckAnswer,
  formatCheckRequest,
  parseCheckAnswer,
} from '../../core/admin/messages.ts'
import type { ApprovalAnswer, ApprovalQuery } from '../../core/evaluate/types.ts'
import type { AdminMetrics, ApprovalService, CheckApproval } from '../../ports/admin.ts'
import type { TraceSource } from '../../ports/http.ts'
import type { AdminConnection } from './admin-connection.ts'
import { Breaker } from '../../concurrency/breaker.ts'

/** A call in flight, for all that ask the same. */
interface SharedCall {
  readonly ref: string
  /** Null where the call was abandoned. */
  readonly answer: Promise<ApprovalAnswer | null>
  readonly abandon: () => void
}

const NO_TRACE: TraceSource = () => null
const UNREACHABLE: ApprovalAnswer = { status: 'unreachable' }
/** Monotonic, so that setting the wall clock moves no deadline. */
const now = (): number => performance.now()

/**
 * Checks approvals with Admin by HTTP. All checks of one `begin()` share one deadline, `timeout_ms` from the first
 * check. Every failure, a late response, an open circuit breaker and a closed client answer `unreachable`; a check
 * never rejects. Coalesces identical questions in flight; caches no answer.
 */
export class AdminClient implements ApprovalService {
  private readonly connection: AdminConnection
  private readonly limits: AdminLimits
  private readonly breaker: Breaker | null
  private readonly shared = new Map<string, SharedCall>()
  private readonly running = new Set<AbortController>()
  private closed = false
  private answered = 0
  private failed = 0
  private refused = 0

  constructor(connection: AdminConnection, limits: AdminLimits) {
    this.connection = connection
    this.limits = limits
    this.breaker = limits.breaker === null ? null : new Breaker(limits.breaker, now)
  }

  begin(trace: TraceSource = NO_TRACE): CheckApproval {
    let until: number | null = null
    return (question) => {
      until ??= now() + this.limits.timeout_ms
      return this.askWithin(until - now(), question, trace)
    }
  }

  /** The calls themselves go on, for the breaker learns from them. */
  abandon(ref: string | null): void {
    for (const [key, call] of this.shared) {
      if (ref !== null && call.ref !== ref) continue
      this.shared.delete(key)
      call.abandon()
    }
  }

  metrics(): AdminMetrics {
    const { answered, failed, refused } = this
    return {
      calls: { answered, failed, refused },
      breaker: this.breaker?.state ?? null,
      sockets: this.connection.sockets(),
    }
  }

  close(): Promise<void> {
    this.closed = true
    for (const one of this.running) one.abort()
    this.connection.close()
    return Promise.resolve()
  }

  private async askWithin(
    ms: number,
    question: ApprovalQuery,
    trace: TraceSource,
  ): Promise<ApprovalAnswer> {
    if (ms <= 0 || this.closed) return UNREACHABLE
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<ApprovalAnswer>((resolve) => {
      timer = setTimeout(resolve, ms, UNREACHABLE)
    })
    try {
      return await Promise.race([this.ask(now() + ms, question, trace), late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Asks anew each time that its call is abandoned. */
  private async ask(
    until: number,
    question: ApprovalQuery,
    trace: TraceSource,
  ): Promise<ApprovalAnswer> {
    while (now() < until) {
      const answer = await this.shareCall(question, trace).answer
      if (answer !== null) return answer
    }
    return UNREACHABLE
  }

  /** Coalesces identical questions in flight; the call belongs to the trace of the first. */
  private shareCall(question: ApprovalQuery, trace: TraceSource): SharedCall {
    const key = formatCheckRequest(question)
    const running = this.shared.get(key)
    if (running !== undefined) return running
    let abandon: () => void = () => undefined
    const abandoned = new Promise<null>((resolve) => (abandon = () => resolve(null)))
    const call = this.call(question, trace).finally(() => {
      if (this.shared.get(key) === shared) this.shared.delete(key)
    })
    const answer = Promise.race([call, abandoned])
    const shared: SharedCall = { ref: question.approval_ref, answer, abandon }
    this.shared.set(key, shared)
    return shared
  }

  /** Calls Admin through the circuit breaker. Never rejects: every failure is `unreachable`. */
  private async call(question: ApprovalQuery, trace: TraceSource): Promise<ApprovalAnswer> {
    const send = (): Promise<CheckAnswer> => this.send(question, trace)
    try {
      const answer = await (this.breaker === null ? send() : this.breaker.run(send))
      if (answer === null) this.refused += 1
      else this.answered += 1
      return answer ?? UNREACHABLE
    } catch {
      this.failed += 1
      return UNREACHABLE
    }
  }

  private async send(question: ApprovalQuery, trace: TraceSource): Promise<CheckAnswer> {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), this.limits.timeout_ms)
    this.running.add(controller)
    try {
      const text = formatCheckRequest(question)
      const body = await this.connection.post(text, controller.signal, trace())
      const answer = parseCheckAnswer(body, question)
      if (answer === null) throw new Error('the response does not answer this question')
      return answer
    } finally {
      clearTimeout(timer)
      this.running.delete(controller)
    }
  }
}
