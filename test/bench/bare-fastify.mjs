// The baseline of the service's speed: plain fastify, which answers the same POST with a JSON constant.
import fastify from 'fastify'

const [, , answer] = process.argv
const server = fastify()
const constant = JSON.parse(answer)
server.post('/v1/flags/evaluate', () => constant)
const origin = await server.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`Listening on ${origin}\n`)
process.on('SIGTERM', () => void server.close())
