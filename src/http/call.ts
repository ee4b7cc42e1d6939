import type { FastifyRequest } from 'fastify'
import type { Credential } from '../core/auth/types.ts'
import type { HttpCall } from '../ports.ts'
import { credentialOf } from './credential.ts'

/** What is seldom asked of a request is made when it is asked. */
export class Call implements HttpCall {
  private readonly request: FastifyRequest
  readonly credential: Credential
  readonly body: string

  constructor(request: FastifyRequest) {
    this.request = request
    this.credential = credentialOf(request.raw)
    this.body = typeof request.body === 'string' ? request.body : ''
  }

  get request_id(): string {
    return this.request.id
  }

  get params(): HttpCall['params'] {
    return this.request.params as HttpCall['params']
  }

  get query(): URLSearchParams {
    const { url } = this.request
    const from = url.indexOf('?')
    return new URLSearchParams(from === -1 ? '' : url.slice(from + 1))
  }

  header(name: string): string | null {
    const value = this.request.headers[name]
    return value === undefined ? null : String(value)
  }
}
