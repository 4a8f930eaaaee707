// Tests the page of @fastify/swagger-ui in Chromium, with the routes of fastify-tasks.
import Fastify from 'fastify'
import type { Browser } from 'playwright-core'
import app from '../../examples/openapi/app.ts'
import { startRedis } from '../../scripts/redis.ts'

const STEP_TIMEOUT_MS = 20_000

/** Throws unless the page shows every route, and the type of the report's result. */
export async function showsApi (browser: Browser): Promise<void> {
  const redis = await startRedis()
  const before = process.env.REDIS_URL
  process.env.REDIS_URL = redis.url
  const fastify = Fastify({ forceCloseConnections: true })
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('console', message => { if (message.type() === 'error') errors.push(message.text()) })
  page.on('pageerror', error => errors.push(error.message))
  try {
    await fastify.register(app)
    await page.goto(`${await fastify.listen({ host: '127.0.0.1', port: 0 })}/documentation`)
    const summaries = [
      'Status of a task', 'Cancel a task', 'Every change of a task, as server-sent events', 'Start a report'
    ]
    for (const summary of summaries) {
      await page.getByText(summary, { exact: true }).waitFor({ timeout: STEP_TIMEOUT_MS })
    }
    await page.getByText('Status of a task', { exact: true }).click()
    await page.getByText('The task as it is now').waitFor({ timeout: STEP_TIMEOUT_MS })
    await page.locator('.example').filter({ hasText: '"rows": 0' }).waitFor({ timeout: STEP_TIMEOUT_MS })
    if (errors.length > 0) throw new Error(errors.join('\n'))
  } finally {
    await page.close()
    await fastify.close()
    await redis.stop()
    if (before === undefined) delete process.env.REDIS_URL
    else process.env.REDIS_URL = before
  }
}
