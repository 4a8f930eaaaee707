// Prints the OpenAPI document of app.ts.
import Fastify from 'fastify'
import app from './app.ts'

const fastify = Fastify()
await fastify.register(app)
const { body } = await fastify.inject('/documentation/json')
console.log(JSON.stringify(JSON.parse(body), null, 2))
await fastify.close()
