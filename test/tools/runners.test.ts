/**
 * Test runners of users, with fake timers, and with a `result()` that nobody awaits: each test passes, and the runner
 * exits by itself. npm run test:tools.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bundlerFolder } from '../support/bundled.ts'
import { tool, TOOLS } from './tools.ts'

t.setTimeout(240_000)

const app = `import tasks from 'fastify-tasks'
export default async function app (fastify, options) {
  await fastify.register(tasks, options.tasks)
  const mail = fastify.tasks.define('mail', { retries: 1 }, async (data, task) => {
    if (task.attempt === 1) throw new Error('again')
    return data
  })
  fastify.tasks.define('elsewhere', { queue: 'other' })
  fastify.post('/mail', async (request, reply) => reply.accepted(await mail.enqueue({ to: 'ada' })))
}
`

const CLOCKS = ['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate']

/** The test file of a runner: what it imports, and how it stops the clocks. */
const suite = (imports: string, stopClocks: string, equal: string): string => `
${imports}
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import app from './app.mjs'

const same = ${equal}
let fastify
beforeEach(async () => {
  ${stopClocks}
  fastify = Fastify()
  await fastify.register(fp(app), { tasks: { mode: 'memory' } })
})
afterEach(() => fastify.close())

test('drain and advance', async () => {
  const reply = await fastify.inject({ method: 'POST', url: '/mail' })
  same(await fastify.tasks.drain(), { delayed: 1 })
  same(await fastify.tasks.advance(60_000), { delayed: 0 })
  same((await fastify.inject(reply.headers.location)).json().result, { to: 'ada' })
})
test('a result that nobody awaits', async () => {
  const handle = await fastify.tasks.enqueue('elsewhere')
  handle.result().catch(() => {})
})
`

const expectEqual = '(actual, expected) => expect(actual).toEqual(expected)'

interface Runner { file: string, text: string, args: string[], files?: Record<string, string>, env?: NodeJS.ProcessEnv }

const jest: Pick<Runner, 'file' | 'text'> = {
  file: 'jest.test.mjs',
  text: suite('import { jest } from \'@jest/globals\'',
    'jest.useFakeTimers({ doNotFake: [\'nextTick\', \'queueMicrotask\'] })', expectEqual)
}

/** What a user's Babel, SWC or esbuild does. Jest on Node 20 cannot require ESM. */
const toCommonJs = (esbuild: string): string => `const { transformSync } = require(${JSON.stringify(esbuild)})
exports.process = (source, path) => ({ code: transformSync(source, { format: 'cjs', sourcefile: path }).code })
`
const jestFiles = (transform: string): Record<string, string> => ({
  'to-cjs.cjs': toCommonJs(createRequire(import.meta.url).resolve('esbuild')),
  'jest.config.json': JSON.stringify({
    testMatch: ['**/jest.test.mjs'], transform: { [transform]: './to-cjs.cjs' }, transformIgnorePatterns: []
  })
})

const runners: Record<string, Runner> = {
  'node --test': {
    file: 'node.test.mjs',
    text: suite('import assert from \'node:assert/strict\'\n' +
      'import { afterEach, beforeEach, mock, test } from \'node:test\'',
    'mock.timers.reset()\n' +
      'mock.timers.enable({ apis: [\'Date\', \'setTimeout\', \'setInterval\', \'setImmediate\'] })',
    'assert.deepEqual'),
    args: ['--test', 'node.test.mjs']
  },
  vitest: {
    file: 'vitest.test.mjs',
    text: suite('import { afterEach, beforeEach, expect, test, vi } from \'vitest\'',
      `vi.useFakeTimers({ toFake: ${JSON.stringify(CLOCKS)} })`, expectEqual),
    args: [tool('vitest'), 'run', 'vitest.test.mjs']
  },
  'vitest, with the clocks stopped before anything is loaded': {
    file: 'vitest.test.mjs',
    text: suite('import { afterEach, beforeEach, expect, test } from \'vitest\'', '', expectEqual),
    files: {
      'vitest.config.mjs': 'export default { test: { setupFiles: [\'./setup.mjs\'] } }',
      'setup.mjs': `import { vi } from 'vitest'\nvi.useFakeTimers({ toFake: ${JSON.stringify(CLOCKS)} })`
    },
    args: [tool('vitest'), 'run', 'vitest.test.mjs']
  },
  'jest, ESM': {
    ...jest,
    files: jestFiles('/cookie/.*\\.js$'),
    args: ['--experimental-vm-modules', tool('jest')]
  },
  'jest, all compiled to CommonJS': {
    ...jest,
    files: jestFiles('\\.m?js$'),
    args: [tool('jest')]
  }
}

async function run (t: Test, { file, text, files = {}, args, env }: Runner): Promise<void> {
  const folder = bundlerFolder(t)
  symlinkSync(join(process.cwd(), 'node_modules/fastify-plugin'), join(folder, 'node_modules/fastify-plugin'))
  for (const name of ['vitest', 'jest', '@jest']) {
    symlinkSync(join(TOOLS, 'node_modules', name), join(folder, 'node_modules', name))
  }
  for (const [name, content] of Object.entries({ ...files, [file]: text, 'app.mjs': app })) {
    writeFileSync(join(folder, name), content)
  }
  const child = spawn(process.execPath, args, {
    cwd: folder, env: { ...process.env, REDIS_URL: 'redis://127.0.0.1:1', NODE_TEST_CONTEXT: undefined, ...env }
  })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { out += chunk })
  const closed = once(child, 'close')
  t.teardown(async () => { child.kill('SIGKILL'); await closed })
  t.same(await closed, [0, null], out)
  t.notMatch(out, /did not exit/)
}

for (const [name, runner] of Object.entries(runners)) t.test(name, t => run(t, runner))
