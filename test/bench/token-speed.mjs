// CPU time of verifying a token, against a bare signature check and against jose alone, on the same tokens. The keys are
// generated for the run; the key server is a real one on loopback.
import { createSign, generateKeyPairSync, verify as verifyBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { importJWK, jwtVerify } from 'jose'
import { openJwksClient, createAuthenticator } from '../../dist/src/adapters/auth/authenticator.js'
import { LoopbackJwks } from '../../dist/src/adapters/auth/loopback-jwks.js'
import { settingsFromContract } from '../../dist/src/core/auth/contract.js'
import { sized } from './smoke.mjs'

const TOKENS = sized(2_000, 50)
const ROUNDS = sized(9, 1)
const NOW = '2026-01-15T09:00:00.000Z'
const ISSUER = 'https://idp.pty.example'
const AUDIENCE = 'pty-feature-flags'
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

const contract = JSON.parse(
  readFileSync(new URL('../../contracts/jwks_integration_notes.json', import.meta.url), 'utf8'),
)
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256', use: 'sig' }
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = Date.parse(NOW) / 1000

function sign(number, kid = 'bench') {
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: `U${number}`, tid: 'T-1', exp: seconds + 3600 }
  const input = `${b64({ alg: 'RS256', kid, typ: 'at+jwt' })}.${b64(claims)}`
  return `${input}.${createSign('sha256').update(input).sign(privateKey, 'base64url')}`
}

/** CPU seconds of the work, over all threads. */
async function cpuSeconds(work) {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

/** Ratios of medians, each case in each round. */
export async function tokenSpeed() {
  const tokens = Array.from({ length: TOKENS }, (_, at) => sign(at))
  const unknownKids = tokens.map((token, at) => {
    const [, payload, signature] = token.split('.')
    return `${b64({ alg: 'RS256', kid: `no-${at}`, typ: 'at+jwt' })}.${payload}.${signature}`
  })
  const parts = tokens.map((token) => {
    const [header, payload, signature] = token.split('.')
    return [Buffer.from(`${header}.${payload}`), Buffer.from(signature, 'base64url')]
  })
  const key = await importJWK(jwk, 'RS256')
  const options = { issuer: ISSUER, audience: AUDIENCE, currentDate: new Date(NOW) }
  const server = await LoopbackJwks.start({ behaviour: 'up', keys: [jwk] })
  const at = { now: NOW, environment: 'prod' }
  const each = async (list, one) => {
    for (const item of list) await one(item)
  }
  /** A verifier with an empty token cache. */
  const openVerifier = async () => {
    const keys = openJwksClient(server.url, contract)
    const settings = settingsFromContract(contract, {
      issuer: ISSUER,
      audience: AUDIENCE,
      dev_scopes: [],
    })
    const { verifier } = createAuthenticator(keys, settings)
    await verifier.verify(tokens[0], at)
    keys.close()
    return async (token) => {
      const { refused, mode } = await verifier.verify(token, at)
      if (refused !== 'kid_not_found' && mode !== 'verified')
        throw new Error(`unexpected refusal ${refused}`)
    }
  }
  const cases = {
    bare: async () => () =>
      each(parts, ([input, signature]) => {
        if (!verifyBytes('sha256', input, publicKey, signature))
          throw new Error('the bare signature check failed')
      }),
    jose: async () => () => each(tokens, (token) => jwtVerify(token, key, options)),
    plain: async () => {
      const verify = await openVerifier()
      return () => each(tokens.slice(1), verify)
    },
    cached: async () => {
      const verify = await openVerifier()
      await each(tokens, verify)
      return () => each(tokens, verify)
    },
    good: async () => {
      const verify = await openVerifier()
      return () => each(tokens, verify)
    },
    random: async () => {
      const verify = await openVerifier()
      return () => each(unknownKids, verify)
    },
    both: async () => {
      const verify = await openVerifier()
      return () =>
        each(
          tokens.flatMap((token, n) => [token, unknownKids[n]]),
          verify,
        )
    },
  }
  const taken = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [name, prepare] of Object.entries(cases)) {
      const seconds = await cpuSeconds(await prepare())
      if (round >= 0) taken[name].push(seconds) // Round -1 is a warm-up.
    }
  }
  await server.close()
  const of = Object.fromEntries(Object.entries(taken).map(([name, all]) => [name, median(all)]))
  return {
    plain: of.jose / of.plain,
    cached: of.bare / of.cached,
    flood: (of.both - of.random) / of.good,
    microseconds: (of.plain / TOKENS) * 1e6,
  }
}
