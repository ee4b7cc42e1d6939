import type { AuthRefusalCode } from '../../../src/core/auth/types.ts'
import { CONTRACT } from '../../core/auth-contract.ts'

/** A published signature, and its expected verdict with every possible algorithm allowed. */
export interface PublishedVector {
  /** RFC and section. */
  readonly id: string
  readonly token: string
  readonly jwks: { readonly keys: readonly Jwk[] }
  readonly algs: readonly string[]
  readonly verdict: 'verified' | 'refused'
  /** Condition of the refusal; null for a verified one. */
  readonly code: AuthRefusalCode | null
  /** Detached payload, base64url. */
  readonly detached?: string
}
export type Jwk = Readonly<Record<string, string>>

// RFC 7515, appendix A ------------------------------------------------------------------------------------------

/** {"iss":"joe", "exp":1300819380, "http://example.com/is_root":true}, over three lines. */
const JOE =
  'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'
const HS256 = 'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9'
const RS256 = 'eyJhbGciOiJSUzI1NiJ9'
const ES256 = 'eyJhbGciOiJFUzI1NiJ9'
const ES512 = 'eyJhbGciOiJFUzUxMiJ9'

const A1_KEY = {
  kty: 'oct',
  k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
}
const A1_SIGNATURE = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const A2_KEY = {
  kty: 'RSA',
  n:
    'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR' +
    'T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB' +
    'dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia' +
    'GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
  e: 'AQAB',
}
const A2_SIGNATURE =
  'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9' +
  'uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB' +
  '_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq' +
  'Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw'
const A3_KEY = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
}
const A3_SIGNATURE =
  'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q'
const A4_KEY = {
  kty: 'EC',
  crv: 'P-521',
  x: 'AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk',
  y: 'ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2',
}
/** "Payload". */
const A4_PAYLOAD = 'UGF5bG9hZA'
const A4_SIGNATURE =
  'AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCA' +
  'PZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn'
const A6_RSA = { ...A2_KEY, kid: '2010-12-29' }
const A6_EC = { ...A3_KEY, kid: 'e9bc097a-ce51-4036-9562-d2ade882db0d' }
const A6_SECOND = { protected: ES256, header: { kid: A6_EC.kid }, signature: A3_SIGNATURE }

// RFC 7520, section 4 -------------------------------------------------------------------------------------------

/** The payload of RFC 7520, section 4. */
const FRODO =
  'SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUg' +
  'cm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0' +
  'IGJlIHN3ZXB0IG9mZiB0by4'
const BILBO = 'bilbo.baggins@hobbiton.example'
const SECRET = '018c0ae5-4d9b-471b-bfd6-eef314bc7037'
const BILBO_RSA = {
  kty: 'RSA',
  kid: BILBO,
  use: 'sig',
  n:
    'n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRB' +
    'SFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD' +
    '1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_' +
    'qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw',
  e: 'AQAB',
}
const BILBO_EC = {
  kty: 'EC',
  kid: BILBO,
  use: 'sig',
  crv: 'P-521',
  x: 'AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt',
  y: 'AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1',
}
const HMAC_KEY = {
  kty: 'oct',
  kid: SECRET,
  use: 'sig',
  alg: 'HS256',
  k: 'hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg',
}
const RS256_BILBO = 'eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9'
const PS384_BILBO = 'eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9'
const ES512_BILBO = 'eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9'
const HS256_SECRET =
  'eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9'

const C1_SIGNATURE =
  'MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi8' +
  '4wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocS' +
  'adnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJu' +
  'shZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg'
const C2_SIGNATURE =
  'cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItl' +
  'lVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0' +
  'TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0' +
  'uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw'
const C3_SIGNATURE =
  'AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_' +
  'sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2'
const C4_SIGNATURE = 's0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0'
const C6_HEADERS = {
  protected: 'eyJhbGciOiJIUzI1NiJ9',
  header: { kid: SECRET },
  signature: 'bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20',
}
const C7_CONTENT = {
  header: { alg: 'HS256', kid: SECRET },
  signature: 'xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk',
}
const C8_FIRST = {
  protected: RS256,
  header: { kid: BILBO },
  signature:
    'MIsjqtVlOpa71KE-Mss8_Nq2YH4FGhiocsqrgi5NvyG53uoimic1tcMdSg-qptrzZc7CG6Svw2Y13TDIqHzTUrL_lR2ZFcryNFiH' +
    'kSw129EghGpwkpxaTn_THJTCglNbADko1MZBCdwzJxwqZc-1RlpO2HibUYyXSwO97BSe0_evZKdjvvKSgsIqjytKSeAMbhMBdMma' +
    '622_BG5t4sdbuCHtFjp9iJmkio47AIwqkZV1aIZsv33uPUqBBCXbYoQJwt7mxPftHmNlGoOSMxR_3thmXTCm4US-xiNOyhbm8afK' +
    'K64jU6_TPtQHiJeQJxz9G3Tx-083B745_AfYOnlC9w',
}
const C8_SECOND = {
  header: { alg: 'ES512', kid: BILBO },
  signature:
    'ARcVLnaJJaUWG8fG-8t5BREVAuTY8n8YHjwDO1muhcdCoFZFFjfISu0Cdkn9Ybdlmi54ho0x924DUz8sK7ZXkhc7AFM8ObLfTvNC' +
    'rqcI3Jkl2U5IX3utNhODH6v7xgy1Qahsn0fyb4zSAkje8bAWz4vIfj5pCMYxxm4fgV3q7ZYhm5eD',
}
const C8_THIRD = { protected: HS256_SECRET, signature: C4_SIGNATURE }

// RFC 8037, appendix A ------------------------------------------------------------------------------------------

const ED_KEY = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
}
/** "Example of Ed25519 signing". */
const ED_TOKEN =
  'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc' +
  '.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'

// The vectors ---------------------------------------------------------------------------------------------------

const algs = CONTRACT.algorithms.allowable
const compact = (...segments: readonly string[]): string => segments.join('.')
const accepted = (id: string, token: string, ...keys: readonly Jwk[]): PublishedVector => ({
  id,
  token,
  jwks: { keys },
  algs,
  verdict: 'verified',
  code: null,
})
const refused = (
  code: AuthRefusalCode,
  id: string,
  token: string | object,
  ...keys: readonly Jwk[]
): PublishedVector => ({
  id,
  token: typeof token === 'string' ? token : JSON.stringify(token),
  jwks: { keys },
  algs,
  verdict: 'refused',
  code,
})

/** Compact asymmetric tokens are accepted; symmetric, unsecured and JSON-serialised ones are not. */
export const PUBLISHED_VECTORS: readonly PublishedVector[] = [
  refused('alg_not_allowed', 'RFC 7515 A.1', compact(HS256, JOE, A1_SIGNATURE), A1_KEY),
  accepted('RFC 7515 A.2', compact(RS256, JOE, A2_SIGNATURE), A2_KEY),
  accepted('RFC 7515 A.3', compact(ES256, JOE, A3_SIGNATURE), A3_KEY),
  accepted('RFC 7515 A.4', compact(ES512, A4_PAYLOAD, A4_SIGNATURE), A4_KEY),
  refused('alg_not_allowed', 'RFC 7515 A.5', compact('eyJhbGciOiJub25lIn0', JOE, ''), A2_KEY),
  refused(
    'token_malformed',
    'RFC 7515 A.6',
    {
      payload: JOE,
      signatures: [
        { protected: RS256, header: { kid: A6_RSA.kid }, signature: A2_SIGNATURE },
        A6_SECOND,
      ],
    },
    A6_RSA,
    A6_EC,
  ),
  refused('token_malformed', 'RFC 7515 A.7', { payload: JOE, ...A6_SECOND }, A6_EC),

  accepted('RFC 7520 4.1', compact(RS256_BILBO, FRODO, C1_SIGNATURE), BILBO_RSA),
  refused(
    'token_malformed',
    'RFC 7520 4.1 flattened',
    { payload: FRODO, protected: RS256_BILBO, signature: C1_SIGNATURE },
    BILBO_RSA,
  ),
  accepted('RFC 7520 4.2', compact(PS384_BILBO, FRODO, C2_SIGNATURE), BILBO_RSA),
  accepted('RFC 7520 4.3', compact(ES512_BILBO, FRODO, C3_SIGNATURE), BILBO_EC),
  accepted(
    'RFC 7520 4.3, two keys of one name',
    compact(ES512_BILBO, FRODO, C3_SIGNATURE),
    BILBO_RSA,
    BILBO_EC,
  ),
  refused('alg_not_allowed', 'RFC 7520 4.4', compact(HS256_SECRET, FRODO, C4_SIGNATURE), HMAC_KEY),
  {
    ...refused(
      'alg_not_allowed',
      'RFC 7520 4.5',
      compact(HS256_SECRET, '', C4_SIGNATURE),
      HMAC_KEY,
    ),
    detached: FRODO,
  },
  {
    ...refused(
      'token_malformed',
      'RFC 7520 4.5 flattened',
      { protected: HS256_SECRET, signature: C4_SIGNATURE },
      HMAC_KEY,
    ),
    detached: FRODO,
  },
  refused(
    'token_malformed',
    'RFC 7520 4.6',
    { payload: FRODO, signatures: [C6_HEADERS] },
    HMAC_KEY,
  ),
  refused('token_malformed', 'RFC 7520 4.6 flattened', { payload: FRODO, ...C6_HEADERS }, HMAC_KEY),
  refused(
    'token_malformed',
    'RFC 7520 4.7',
    { payload: FRODO, signatures: [C7_CONTENT] },
    HMAC_KEY,
  ),
  refused('token_malformed', 'RFC 7520 4.7 flattened', { payload: FRODO, ...C7_CONTENT }, HMAC_KEY),
  refused(
    'token_malformed',
    'RFC 7520 4.8',
    { payload: FRODO, signatures: [C8_FIRST, C8_SECOND, C8_THIRD] },
    BILBO_RSA,
    BILBO_EC,
    HMAC_KEY,
  ),
  accepted(
    'RFC 7520 4.8, its first signature',
    compact(RS256, FRODO, C8_FIRST.signature),
    BILBO_RSA,
  ),
  refused(
    'kid_missing',
    'RFC 7520 4.8, its first signature, and two keys',
    compact(RS256, FRODO, C8_FIRST.signature),
    BILBO_RSA,
    BILBO_EC,
  ),

  accepted('RFC 8037 A.4', ED_TOKEN, ED_KEY),
  accepted('RFC 8037 A.5', ED_TOKEN, { ...ED_KEY, use: 'sig', alg: 'EdDSA' }),
  refused('key_not_usable', 'RFC 8037 A.4, with its private key', ED_TOKEN, {
    ...ED_KEY,
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  }),
]
