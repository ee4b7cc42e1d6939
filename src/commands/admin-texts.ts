import type { AdminTexts } from '../app/service/admin-settings.ts'
import type { Settings } from './settings.ts'

/** The settings that say who answers for approvals. */
export const adminTexts = (settings: Settings): AdminTexts => ({
  url: settings.FF_ADMIN_URL.value,
  token_file: settings.FF_ADMIN_TOKEN_FILE.value,
  cert_file: settings.FF_ADMIN_CERT_FILE.value,
  key_file: settings.FF_ADMIN_KEY_FILE.value,
  ca_file: settings.FF_ADMIN_CA_FILE.value,
  approvals_file: settings.FF_APPROVALS_FILE.value,
})
