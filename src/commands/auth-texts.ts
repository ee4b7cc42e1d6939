import type { AuthTexts } from '../app/start-up.ts'
import type { Settings } from './settings.ts'

/** The settings that say who is let in. */
export const authTexts = (settings: Settings): AuthTexts => ({
  env: settings.FF_ENV.value,
  allow_dev_headers: settings.FF_ALLOW_DEV_HEADERS.value,
  jwks_url: settings.FF_JWKS_URL.value,
  issuer: settings.FF_JWT_ISSUER.value,
  audience: settings.FF_JWT_AUDIENCE.value,
  algorithms: settings.FF_JWT_ALGORITHMS.value,
  leeway: settings.FF_JWT_LEEWAY.value,
  dev_scopes: settings.FF_DEV_SCOPES.value,
})
