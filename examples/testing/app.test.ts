// app.test.ts: node --import=tsx --test app.test.ts
// It needs no Redis. From version 22.18 on Node.js runs TypeScript without tsx.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import app from './app.ts'

await test('a signup sends a welcome mail, even after a failure, and another mail after 29 days', async t => {
  const sent: string[] = []
  let unavailable = true
  const fastify = Fastify()
  t.after(() => fastify.close())
  await fastify.register(fp(app), { // fp makes fastify.tasks visible here
    tasks: { mode: 'memory' },
    async send (to: string, text: string) {
      if (unavailable) throw new Error('the mail server is unavailable')
      sent.push(`${to}: ${text}`)
    }
  })

  const reply = await fastify.inject({ method: 'POST', url: '/signup', payload: { email: 'ada@example.com' } })
  assert.equal(reply.statusCode, 202)

  await fastify.tasks.drain() // runs the first attempt, which fails
  const status = await fastify.inject(reply.headers.location as string)
  assert.equal(status.json().state, 'retrying')

  unavailable = false
  await fastify.tasks.advance(60_000) // moves the clock beyond the backoff
  assert.deepEqual(sent, ['ada@example.com: Welcome'])

  const { delayed } = await fastify.tasks.advance(29 * 86_400_000)
  assert.deepEqual(sent, ['ada@example.com: Welcome', 'ada@example.com: Your trial ends tomorrow'])
  assert.equal(delayed, 0) // no task is left
})
