// app.test.ts: node --test, without Redis
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import app from './app.ts'

test('a signup gets a welcome, even after an outage of the mail server, and a question 29 days later', async t => {
  const sent: string[] = []
  let down = true
  const fastify = Fastify()
  t.after(() => fastify.close())
  await fastify.register(fp(app), { // fp: fastify.tasks is seen from here
    tasks: { mode: 'memory' },
    async send (to: string, text: string) {
      if (down) throw new Error('no mail server')
      sent.push(`${to}: ${text}`)
    }
  })

  const reply = await fastify.inject({ method: 'POST', url: '/signup', payload: { email: 'ada@example.com' } })
  assert.equal(reply.statusCode, 202)

  await fastify.tasks.drain() // the first attempt has ended
  const status = await fastify.inject(reply.headers.location as string)
  assert.equal(status.json().state, 'retrying')

  down = false
  await fastify.tasks.advance(60_000) // the wait between two attempts has passed
  assert.deepEqual(sent, ['ada@example.com: Welcome'])

  const { delayed } = await fastify.tasks.advance(29 * 86_400_000)
  assert.deepEqual(sent, ['ada@example.com: Welcome', 'ada@example.com: Go on?'])
  assert.equal(delayed, 0) // nothing is left
})
