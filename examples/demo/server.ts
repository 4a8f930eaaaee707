// The web process: serves the app, and runs no tasks.
import Fastify from 'fastify'
import app from './app.ts'

const server = Fastify({ logger: { level: process.env.LOG_LEVEL ?? 'info' } })
server.register(app)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close())

await server.listen({ port: Number(process.env.PORT ?? 3000), host: process.env.HOST ?? 'localhost' })
