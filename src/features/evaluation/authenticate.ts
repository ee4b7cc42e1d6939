import { authenticateWithoutToken } from '../../core/auth/authenticate.ts'
import type { AuthResult, Credential } from '../../core/auth/types.ts'
import type { Authenticator, VerificationTime } from '../../ports/auth.ts'

/** Through the door. A token that is present wins over dev headers, whatever becomes of it (page 2). */
export async function authenticate(
  { rules, verifier }: Authenticator,
  credential: Credential,
  at: VerificationTime,
): Promise<AuthResult> {
  return credential.token === null
    ? authenticateWithoutToken(credential, at.environment, rules)
    : verifier.verify(credential.token, at)
}
