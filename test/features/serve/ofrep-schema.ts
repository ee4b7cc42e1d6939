import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

/**
 * The responses of OFREP 0.3.0 with two repairs: a value has any of the types (the published `oneOf` rejects its own
 * examples), and reasons and error codes are all that OpenFeature knows. Additional members are allowed, as published.
 */
const metadata = {
  type: 'object',
  additionalProperties: { type: ['boolean', 'string', 'number'] },
}
const success = {
  type: 'object',
  required: ['key', 'reason'],
  properties: {
    key: { type: 'string' },
    reason: {
      enum: [
        'STATIC',
        'TARGETING_MATCH',
        'SPLIT',
        'DISABLED',
        'UNKNOWN',
        'DEFAULT',
        'CACHED',
        'STALE',
      ],
    },
    variant: { type: 'string' },
    value: { type: ['boolean', 'string', 'integer', 'number', 'object'] },
    metadata,
  },
}
const failure = {
  type: 'object',
  required: ['key', 'errorCode'],
  properties: {
    key: { type: 'string' },
    errorCode: {
      enum: [
        'PARSE_ERROR',
        'TARGETING_KEY_MISSING',
        'INVALID_CONTEXT',
        'GENERAL',
        'FLAG_NOT_FOUND',
        'TYPE_MISMATCH',
      ],
    },
    errorDetails: { type: 'string' },
    metadata,
  },
}
const bulk = {
  type: 'object',
  required: ['flags'],
  properties: {
    flags: { type: 'array', items: { anyOf: [success, failure] } },
    metadata,
  },
}
const bulkFailure = {
  type: 'object',
  required: ['errorCode'],
  properties: { errorCode: { type: 'string' }, errorDetails: { type: 'string' }, key: false },
}

const ajv = new Ajv2020({ allErrors: true, strictTypes: false, strictRequired: false })
const compiled = {
  success: ajv.compile(success),
  failure: ajv.compile(failure),
  bulk: ajv.compile(bulk),
  bulkFailure: ajv.compile(bulkFailure),
}

/** The schema errors of a response; empty for a valid one. */
export function breaches(shape: keyof typeof compiled, text: string): readonly unknown[] {
  const validate: ValidateFunction = compiled[shape]
  return validate(JSON.parse(text)) ? [] : (validate.errors ?? [])
}
