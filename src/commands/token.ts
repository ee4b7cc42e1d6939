import { loadAuth } from '../features/tokens/jwks-check.ts'
import { checkAuth, checkEnvironment } from '../features/tokens/auth-settings.ts'
import { isTokenLine, TokenLines } from '../features/tokens/token-lines.ts'
import { mintToken } from '../features/tokens/token-mint.ts'
import {
  judgeToken,
  buildTokenReport,
  type VerifyOptions,
} from '../features/tokens/token-verify.ts'
import type { AuthSettings } from '../core/auth/contract.ts'
import { type ExitName, decideExit } from '../core/exit.ts'
import { type Instant, instantFromMs } from '../core/rows/instant.ts'
import { FfError } from '../errors.ts'
import type { OpenAuthenticator } from '../ports/auth.ts'
import type { Context, Invocation } from './context.ts'
import type { TOKEN_MINT, TOKEN_VERIFY } from './declarations/options.ts'
import { type InputLine, readInputLines } from './input.ts'
import type { Report } from '../core/report/types.ts'
import { toEndedError, runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/** A line may hold a key set of a mebibyte beside its token. */
const MAX_LINE_BYTES = 4_194_304

interface TokenContext {
  readonly authenticator: OpenAuthenticator
  readonly settings: AuthSettings
  readonly options: VerifyOptions
}

/** `ff token verify`: one token, or one a line as JSON; which, the first line tells. */
export const runTokenVerify = (invocation: Invocation<typeof TOKEN_VERIFY>): Promise<void> =>
  runReportCommand(invocation, (signal) =>
    withTokenContext(invocation, async (input) => {
      // An end that came while the bench was made is heard by no listener.
      if (signal.aborted) throw toEndedError(signal)
      const stdin = invocation.context.io.stdin()
      const end = (): void => void stdin.destroy()
      signal.addEventListener('abort', end)
      const lines = readInputLines(stdin, MAX_LINE_BYTES)
      try {
        return await judgeAll(invocation, input, lines)
      } catch (error) {
        if (signal.aborted) throw toEndedError(signal, error)
        throw error
      } finally {
        end() // Whoever still writes has had the answer.
      }
    }),
  )

async function judgeAll(
  invocation: Invocation<typeof TOKEN_VERIFY>,
  input: TokenContext,
  lines: AsyncGenerator<InputLine>,
): Promise<Report | ExitName> {
  const first = await readFirst(lines)
  if (first.whole && isTokenLine(first.text)) return judgeLines(invocation, input, { first, lines })
  // What does not end within the limit is no token, whatever comes after it.
  const next = first.whole ? await lines.next() : { done: true }
  // More than a token: no segment holds a line feed, so it is malformed.
  const token = next.done === true ? first.text : `${first.text}\n`
  const { authenticator, settings, options } = input
  return buildTokenReport(await judgeToken(authenticator, token, options), options, settings)
}

async function readFirst(lines: AsyncGenerator<InputLine>): Promise<InputLine> {
  const { value, done } = await lines.next()
  if (done !== true) return value
  throw new FfError('nothing_to_check', 'No token came on standard input.', {
    hint: 'Pipe one in, as in `ff token verify < token.txt`.',
  })
}

async function judgeLines(
  { context, options: given }: Invocation<typeof TOKEN_VERIFY>,
  { authenticator, settings, options }: TokenContext,
  { first, lines: rest }: { readonly first: InputLine; readonly lines: AsyncIterable<InputLine> },
): Promise<ExitName> {
  if (given.format !== null || given.output.length > 0)
    throw new FfError('option_invalid', 'Lines of JSON are answered with lines of JSON alone.', {
      hint: 'Leave out --format and --output, or give one token.',
    })
  const lines = new TokenLines(authenticator, settings, { adapters: context.adapters, options })
  let worst: ExitName = 'ok'
  const put = async ({ text, whole }: InputLine): Promise<void> => {
    if (whole && text.trim() === '') return
    // A line that was cut is not the line that came.
    const { answer, exit } = await lines.answer(whole ? text : '')
    worst = decideExit(worst, exit)
    await context.io.stdout(`${JSON.stringify(answer)}\n`)
  }
  await put(first)
  for await (const line of rest) await put(line)
  return worst
}

/** Everything a token is judged with, closed at the end. */
async function withTokenContext<T>(
  { context, options }: Invocation<typeof TOKEN_VERIFY>,
  use: (input: TokenContext) => Promise<T>,
): Promise<T> {
  const { env, cwd, root, adapters } = context
  const { notes } = await loadAuth(root)
  const { values } = await loadSettings(env, cwd)
  const { signatureOnly, explain, now: fixed } = options
  const environment = checkEnvironment(values)
  // Where the checks stop before the claims, the issuer is not compared.
  const settings = checkAuth(notes, values, signatureOnly ? '' : null)
  const { FF_JWKS_URL: url } = values
  const now = (): Instant => fixed ?? getNow(context)
  const authenticator = await adapters.openAuthenticator(url === null ? null : { url }, settings)
  try {
    return await use({
      authenticator,
      settings,
      options: { now, environment, signatureOnly, explain },
    })
  } finally {
    await authenticator.close()
  }
}

const getNow = ({ now }: Context): Instant => instantFromMs(now().getTime())

/** `ff token mint --dev`: prints a token and serves its key until it is ended. */
export async function runTokenMint({
  context,
  options,
}: Invocation<typeof TOKEN_MINT>): Promise<void> {
  const { env, cwd, root, adapters, io } = context
  if (!options.dev)
    throw new FfError('option_invalid', 'Tokens are minted for developers alone.', {
      hint: 'Add --dev, with FF_ENV=dev.',
    })
  const { values: settings } = await loadSettings(env, cwd)
  const { user, tenant, scopes } = options
  const minted = await mintToken({
    root,
    settings,
    adapters,
    user,
    tenant,
    scopes,
    now: getNow(context),
  })
  const ended = new Promise<ExitName>((resolve) => {
    context.onSignal((name) => resolve(name === 'terminated' ? 'ok' : name))
  })
  try {
    await io.stdout(minted.lines.map((line) => `${line}\n`).join(''))
    io.stderr('The key is served until Ctrl-C; a token whose key is gone is refused.\n')
    context.exit = await ended
  } finally {
    await minted.close()
  }
}
