import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { createServer, type TlsOptions } from 'node:tls'
import { once } from 'node:events'
import { closing } from './stage.ts'

export interface Pair {
  readonly cert: string
  readonly key: string
}
const openssl = (cwd: string, ...args: readonly string[]): void =>
  void execFileSync('openssl', args, { cwd, stdio: 'pipe' })
const toPair = (folder: string, name: string): Pair => ({
  cert: readFileSync(join(folder, `${name}.pem`), 'utf8'),
  key: readFileSync(join(folder, `${name}.key`), 'utf8'),
})
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Creates a certificate authority for one test. */
export function makeAuthority(folder: string, name: string): Pair {
  const out = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
  openssl(folder, 'req', '-x509', ...KEY, ...out, '-subj', `/CN=${name}`, '-days', '2')
  return toPair(folder, name)
}
/** @param alternative a subjectAltName, such as `IP:127.0.0.1` */
export function makeCertificate(
  folder: string,
  authority: string,
  { name, alternative, days = 2 }: { name: string; alternative: string; days?: number },
): Pair {
  const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
  openssl(folder, 'req', '-new', ...KEY, ...request, '-subj', `/CN=${name}`)
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${alternative}\n`)
  const by = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial']
  const out = ['-out', `${name}.pem`, '-days', String(days), '-extfile', `${name}.ext`]
  openssl(folder, 'x509', '-req', '-in', `${name}.csr`, ...by, ...out)
  return toPair(folder, name)
}

/** Starts a TLS proxy before a plain HTTP server. @returns its URL */
export async function before(plain: URL, options: TlsOptions): Promise<URL> {
  const server = createServer(options, (socket) => {
    const inner = connectPlain(Number(plain.port), plain.hostname)
    socket.on('error', () => inner.destroy())
    inner.on('error', () => socket.destroy())
    socket.pipe(inner).pipe(socket)
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing(server)
  return new URL(`https://127.0.0.1:${(server.address() as { port: number }).port}`)
}
