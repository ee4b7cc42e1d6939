import { readNamedFile } from '../features/serve/secret-file.ts'
import { isLoopbackUrl } from '../core/auth/jwks-url.ts'
import type { SettingValues } from '../core/settings/settings.ts'
import { FfError } from '../errors.ts'
import type { KafkaOptions } from '../ports/shipping.ts'

/**
 * Reads the settings and files of the brokers for audit records.
 *
 * @throws FfError `target_invalid` without FF_KAFKA_BROKERS; `setting_invalid` for a bad setting, a file that cannot be
 *   read, a secret that others may read, a part of a pair, or a password that would cross a network in clear text
 */
export async function readKafkaOptions(settings: SettingValues): Promise<KafkaOptions> {
  const { FF_KAFKA_BROKERS: brokers, FF_KAFKA_TOPIC, FF_KAFKA_TIMEOUT } = settings
  if (brokers === null)
    throw new FfError(
      'target_invalid',
      'FF_KAFKA_BROKERS is not set, so there is nowhere to ship audit records to. They stay pending, and none is lost.',
      { hint: 'Name the brokers, for example with `export FF_KAFKA_BROKERS=127.0.0.1:9092`.' },
    )
  const options = {
    brokers,
    topic: FF_KAFKA_TOPIC,
    send_ms: FF_KAFKA_TIMEOUT * 1_000,
    tls: await readTls(settings),
    sasl: await readSasl(settings),
  }
  if (options.sasl?.mechanism === 'plain' && options.tls === null && !brokers.every(isLoopback))
    throw new FfError(
      'setting_invalid',
      'FF_KAFKA_SASL is plain and FF_KAFKA_TLS is false: the password would cross the network in clear text.',
      { hint: 'Run `export FF_KAFKA_TLS=true`, or `export FF_KAFKA_SASL=scram-sha-512`.' },
    )
  return options
}

function isLoopback(broker: string): boolean {
  const url = `http://${broker}`
  return URL.canParse(url) && isLoopbackUrl(new URL(url))
}

async function readTls(settings: SettingValues): Promise<KafkaOptions['tls']> {
  const { FF_KAFKA_TLS, FF_KAFKA_CA_FILE, FF_KAFKA_CERT_FILE, FF_KAFKA_KEY_FILE } = settings
  if (!FF_KAFKA_TLS) {
    const given = FF_KAFKA_CA_FILE ?? FF_KAFKA_CERT_FILE ?? FF_KAFKA_KEY_FILE
    if (given === null) return null
    throw new FfError(
      'setting_invalid',
      'A file for TLS to the brokers is set, and FF_KAFKA_TLS is not true.',
      {
        hint: 'Run `export FF_KAFKA_TLS=true`, or unset FF_KAFKA_CA_FILE, FF_KAFKA_CERT_FILE and FF_KAFKA_KEY_FILE.',
      },
    )
  }
  if ((FF_KAFKA_CERT_FILE === null) !== (FF_KAFKA_KEY_FILE === null))
    throw new FfError(
      'setting_invalid',
      'Only one of FF_KAFKA_CERT_FILE and FF_KAFKA_KEY_FILE is set.',
      { hint: 'Set both for a client certificate, or neither.' },
    )
  const read = async (setting: string, path: string | null, secret: boolean) =>
    path === null ? null : readNamedFile({ setting, path, secret })
  return {
    ca: await read('FF_KAFKA_CA_FILE', FF_KAFKA_CA_FILE, false),
    cert: await read('FF_KAFKA_CERT_FILE', FF_KAFKA_CERT_FILE, false),
    key: await read('FF_KAFKA_KEY_FILE', FF_KAFKA_KEY_FILE, true),
  }
}

async function readSasl(settings: SettingValues): Promise<KafkaOptions['sasl']> {
  const {
    FF_KAFKA_SASL: mechanism,
    FF_KAFKA_USER: username,
    FF_KAFKA_PASSWORD_FILE: path,
  } = settings
  if (mechanism === null && username === null && path === null) return null
  if (mechanism === null || username === null || path === null)
    throw new FfError(
      'setting_invalid',
      'Only some of FF_KAFKA_SASL, FF_KAFKA_USER and FF_KAFKA_PASSWORD_FILE are set.',
      { hint: 'Set all three for a login to the brokers, or none.' },
    )
  const text = await readNamedFile({ setting: 'FF_KAFKA_PASSWORD_FILE', path, secret: true })
  // Editors end a file with a line feed.
  return { mechanism, username, password: text.replace(/\r?\n$/, '') }
}
