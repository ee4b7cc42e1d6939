import { withoutToken } from '../../core/auth/authenticate.ts'
import type { Authentication, Credential } from '../../core/auth/types.ts'
import type { Door, TokenTime } from '../../ports/auth.ts'

/** Through the door. A token that is present wins over dev headers, whatever becomes of it (page 2). */
export async function admit(
  { rules, verifier }: Door,
  credential: Credential,
  at: TokenTime,
): Promise<Authentication> {
  return credential.token === null
    ? withoutToken(credential, at.environment, rules)
    : verifier.verify(credential.token, at)
}
