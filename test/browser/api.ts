// The page of @fastify/swagger-ui, with the routes of fastify-tasks, as a person sees it in a browser.
import Fastify from 'fastify'
import type { Browser } from 'playwright-core'
import app from '../../examples/openapi/app.ts'
import { startRedis } from '../../scripts/redis.ts'

const step = 20_000

/** Throws where the page does not show every route, and the type of the report's result in one of them. */
export async function showsApi (browser: Browser): Promise<void> {
  const redis = await startRedis()
  const before = process.env.REDIS_URL
  process.env.REDIS_URL = redis.url
  const fastify = Fastify({ forceCloseConnections: true })
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', message => { if (message.type() === 'error') complaints.push(message.text()) })
  page.on('pageerror', error => complaints.push(error.message))
  try {
    await fastify.register(app)
    await page.goto(`${await fastify.listen({ host: '127.0.0.1', port: 0 })}/documentation`)
    for (const summary of ['Status of a task', 'Cancel a task', 'Every change of a task, as server-sent events', 'Start a report']) await page.getByText(summary, { exact: true }).waitFor({ timeout: step })
    await page.getByText('Status of a task', { exact: true }).click()
    await page.getByText('The task as it is now').waitFor({ timeout: step })
    await page.locator('.example').filter({ hasText: '"rows": 0' }).waitFor({ timeout: step })
    if (complaints.length > 0) throw new Error(complaints.join('\n'))
  } finally {
    await page.close()
    await fastify.close()
    await redis.stop()
    if (before === undefined) delete process.env.REDIS_URL
    else process.env.REDIS_URL = before
  }
}
