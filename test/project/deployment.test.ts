/**
 * The files of examples/deployment, as far as they can be held to the code without Docker and Kubernetes.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { startRedis } from '../../scripts/redis.ts'
import { FAMILIES } from '../../lib/metrics/names.ts'
import { exampleFolder, started } from '../support/example-apps.ts'
import { logger } from '../support/helpers.ts'

const FOLDER = 'examples/deployment'
const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8')
const yaml = (file: string): any[] => parseAllDocuments(read(file)).map(document => {
  if (document.errors.length > 0) throw document.errors[0]
  return document.toJS({ merge: true })
})

/** The options of a command line that reference/cli.md names for the worker, and their values. */
function workerOptions (words: string[]): Record<string, string> {
  const [, section] = readFileSync('docs/reference/cli.md', 'utf8').split('## fastify-tasks worker\n')
  const [table] = section!.split('\n## ')
  const options = words.slice(words.indexOf('worker') + 1)
  for (const [i, word] of options.entries()) {
    if (i % 2 === 0) t.match(table, new RegExp(`\`(-\\w, )?(${word}|${word}, --[\\w-]+|-\\w, ${word})[ \`]`), word)
  }
  return Object.fromEntries(options.flatMap((word, i) => i % 2 === 0 ? [[word, options[i + 1]!]] : []))
}

/** What a worker needs at most from SIGTERM to its exit, in seconds: docs/guides/workers.md. */
const closeSeconds = (options: Record<string, string>): number => Number(options['--close-timeout']) / 1_000 + 5

const seconds = (text: string): number => Number(/^(\d+)s?$/.exec(text)![1])

t.test('compose: the workers have time to close, and all reach the same Redis', async t => {
  const [{ services: { web, worker, redis } }] = yaml('compose.yaml')
  t.ok(seconds(worker.stop_grace_period) > closeSeconds(workerOptions(worker.command)))
  const cmd = JSON.parse(/^CMD (.+)$/m.exec(read('Dockerfile'))![1]!)
  t.ok(seconds(web.stop_grace_period) > cmd[cmd.indexOf('--close-grace-delay') + 1] / 1_000)
  t.same(worker.environment, web.environment)
  t.match(web.environment.REDIS_URL, /^redis:\/\/app:/)
  t.same(redis.volumes.map((volume: string) => volume.split(':')[0]), ['./redis.conf', './users.acl', 'data'])
})

t.test('kubernetes: probes, drain times and ports belong together', async t => {
  for (const file of readdirSync(join(FOLDER, 'kubernetes'))) {
    for (const { apiVersion, kind, metadata } of yaml(`kubernetes/${file}`)) t.ok(apiVersion && kind && metadata.name)
  }
  const [{ spec: { template: { spec: pod, metadata } } }] = yaml('kubernetes/worker.yaml')
  const [{ args, ports, livenessProbe, readinessProbe, startupProbe }] = pod.containers
  const options = workerOptions(args)
  t.ok(pod.terminationGracePeriodSeconds > closeSeconds(options))
  const port = Number(options['--monitor-port'])
  t.same([ports[0].containerPort, Number(metadata.annotations['prometheus.io/port'])], [port, port])
  t.same([livenessProbe, readinessProbe, startupProbe].map(probe => [probe.httpGet.path, probe.httpGet.port]),
    [['/live', 'monitor'], ['/ready', 'monitor'], ['/ready', 'monitor']])
  const [{ spec: { template: { spec: web } } }] = yaml('kubernetes/web.yaml')
  const delay = Number(web.containers[0].lifecycle.preStop.exec.command[1]) + 15
  t.ok(web.terminationGracePeriodSeconds > delay)
})

t.test('kubernetes: the autoscaler asks for a metric that there is', async t => {
  const [{ spec }] = yaml('kubernetes/autoscaling.yaml')
  const [, name, labels] = /fastify_tasks_(\w+)\{(.*?)\}/.exec(spec.triggers[0].metadata.query)!
  t.same(FAMILIES[name as keyof typeof FAMILIES].labels, [...labels!.matchAll(/(\w+)=/g)].map(match => match[1]))
  t.equal(spec.scaleTargetRef.name, yaml('kubernetes/worker.yaml')[0].metadata.name)
})

t.test('systemd: the units leave time to close, and systemd takes them', async t => {
  const worker = read('systemd/app-worker@.service')
  const words = /^ExecStart=(.+)$/m.exec(worker)![1]!.split(' ')
  t.ok(Number(/^TimeoutStopSec=(\d+)$/m.exec(worker)![1]) > closeSeconds(workerOptions(words)))
  const web = read('systemd/app-web.service')
  const [, delay] = /--close-grace-delay (\d+)/.exec(web)!
  t.ok(Number(/^TimeoutStopSec=(\d+)$/m.exec(web)![1]) > Number(delay) / 1_000)
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) return t.comment('there is no systemd-analyze')
  const folder = t.testdir()
  for (const [name, text] of [['app-web.service', web], ['app-worker@1.service', worker]] as const) {
    writeFileSync(join(folder, name), text.replace('/usr/bin/node', process.execPath).replace('User=app', 'User=root'))
    chmodSync(join(folder, name), 0o644)
    const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', join(folder, name)], { encoding: 'utf8' })
    const complaints = stderr.split('\n').filter(line => line.includes(folder) || line.includes(name))
    t.same(complaints, [], name)
  }
})

t.test('redis.conf and users.acl: Redis takes them, and the app runs with them', async t => {
  const acl = join(t.testdir(), 'users.acl')
  // The test itself needs a user with more rights.
  writeFileSync(acl, read('users.acl').replace('user default off', 'user default on nopass ~* &* +@all'))
  const lines = read('redis.conf').split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const config = lines.flatMap(line => {
    const [name, ...values] = line.split(' ')
    return [`--${name}`, ...(name === 'aclfile' ? [acl] : values)]
  })
  const redis = await startRedis({ config })
  t.teardown(() => redis.stop())
  const log = logger()
  const app = await started(t, await exampleFolder(t, 'deployment')('app.mjs'), {
    tasks: { redis: redis.url.replace('//', '//app:change-me@'), worker: true }
  }, () => {}, { logger: { level: 'warn', stream: log.stream } })
  t.equal((await app.inject('/ready')).statusCode, 200)
  t.equal((await app.inject('/live')).statusCode, 200)
  const handle = await app.tasks.enqueue('resize', { width: 3 })
  t.same(await handle.result({ timeout: 60_000 }), { width: 3 })
  t.same(log.lines, [], 'no warning about settings or rights')
})

t.test('Dockerfile: signals reach the process', async t => {
  const text = read('Dockerfile')
  t.notMatch(text, /^(CMD|ENTRYPOINT) (?!\[)/m)
  t.notMatch(text, /\b(npx|npm start|npm run)\b(?=.*app\.mjs)/)
})
