/** HTTP: a route of ours against the same route with one bare call of ioredis; and what an open event stream costs. */
import { atLeast } from '../bars.ts'
import { median, ratio } from '../stats.ts'
import { inTurn, present, type Outcome, type Size, type BenchContext, type Table } from '../context.ts'
import { payload } from '../work.ts'
import type { BenchProcess } from '../processes.ts'

const kinds = ['ours', 'bare'] as const
type Kind = typeof kinds[number]

interface Site { web: BenchProcess, address: string, paths: string[] }
interface Sample { post: number, get: number }

const CONNECTIONS = 20
const KNOWN = 100

/** @property duration in seconds */
const amounts: Record<Size, { rounds: number, warmUps: number, duration: number, streams: number }> = {
  full: { rounds: 4, warmUps: 1, duration: 3, streams: 1_000 },
  quick: { rounds: 2, warmUps: 1, duration: 0.6, streams: 1_000 },
  tiny: { rounds: 1, warmUps: 0, duration: 0.5, streams: 20 }
}

export async function http (stage: BenchContext): Promise<Outcome> {
  if (present(stage, 'ours').length === 0) return { tables: [], bars: [] }
  const { rounds, warmUps, duration, streams } = amounts[stage.size]
  await stage.redis.flush()
  const sites = new Map<Kind, Site>()
  for (const kind of kinds) sites.set(kind, await open(stage, kind))
  await sameAnswers(sites)
  const load = await stage.processes.node('load', ['autocannon'])
  const samples = await inTurn([...kinds], rounds, warmUps, async (kind, round) => {
    const sample = await once(load, sites.get(kind)!, round < 0 ? duration / 2 : duration)
    stage.say(`http, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${kind}, POST ${Math.round(sample.post)}/s, GET ${Math.round(sample.get)}/s`)
    return sample
  })
  const memory = await openStreams(stage, sites.get('ours')!, streams)
  await Promise.all([load, ...[...sites.values()].map(site => site.web)].map(actor => actor.end()))
  return outcome(samples, memory)
}

const body = JSON.stringify(payload())

const enqueue = async (address: string): Promise<Response> =>
  await fetch(`${address}/enqueue`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })

async function open ({ processes, redis }: BenchContext, kind: Kind): Promise<Site> {
  const web = await processes.node('web', [kind, redis.url], ['--expose-gc'])
  const address = await web.call<string>('address')
  return { web, address, paths: await enqueued(address, KNOWN) }
}

/** The addresses of tasks that wait. */
async function enqueued (address: string, count: number): Promise<string[]> {
  const paths: string[] = []
  for (let i = 0; i < count; i++) paths.push((await enqueue(address)).headers.get('location')!)
  return paths
}

/** What the two routes answer must be as long: else it is another race. */
async function sameAnswers (sites: Map<Kind, Site>): Promise<void> {
  const lengths = await Promise.all(kinds.map(async kind => {
    const { address, paths } = sites.get(kind)!
    const answers = [await enqueue(address), await fetch(address + paths[0])]
    return (await Promise.all(answers.map(answer => answer.text()))).map(text => text.length)
  }))
  if (String(lengths[0]) !== String(lengths[1])) throw new Error(`the routes do not answer alike: ${lengths.join(' and ')} characters`)
}

async function once (load: BenchProcess, { address, paths }: Site, duration: number): Promise<Sample> {
  const shot = { url: address, connections: CONNECTIONS, duration }
  const post = await load.call<number>('fire', { ...shot, method: 'POST', body, paths: ['/enqueue'] })
  const get = await load.call<number>('fire', { ...shot, method: 'GET', paths })
  return { post, get }
}

interface Memory { heap: number, rss: number }

/** Bytes of one of many open streams, each of a task of its own that waits. */
async function openStreams (stage: BenchContext, { web, address }: Site, count: number): Promise<Memory & { count: number }> {
  const client = await stage.processes.node('streams', ['clients'])
  const paths = await enqueued(address, count)
  const urls = paths.map(path => `${address}${path}/events`)
  await client.call('open', { urls: urls.slice(0, 10) }) // what is there once, whatever the number of streams
  const before = await web.call<Memory>('memory')
  await client.call('open', { urls: urls.slice(10) })
  const after = await web.call<Memory>('memory')
  await client.call('close')
  await client.end()
  const each = (of: keyof Memory): number => (after[of] - before[of]) / (count - 10)
  stage.say(`http: ${count} event streams, ${Math.round(each('heap'))} bytes of heap each, ${Math.round(each('rss'))} of rss`)
  return { count, heap: each('heap'), rss: each('rss') }
}

function outcome (samples: Map<Kind, Sample[]>, memory: Memory & { count: number }): Outcome {
  const of = (kind: Kind, key: keyof Sample): number[] => samples.get(kind)!.map(sample => sample[key])
  const row = (title: string, kind: Kind): Table['rows'][number] => [title, Math.round(median(of(kind, 'post'))), Math.round(median(of(kind, 'get')))]
  return {
    tables: [
      {
        title: `HTTP answers a second, ${CONNECTIONS} connections`,
        note: 'The bare routes do one EVALSHA (HSET, LPUSH), and one HGET; the same Fastify, schema and length of the answers.',
        columns: ['', 'POST that enqueues', 'GET of a status'],
        rows: [row('fastify-tasks', 'ours'), row('bare routes', 'bare')]
      },
      {
        title: `Memory of ${memory.count.toLocaleString('en-US')} open event streams, bytes each`,
        columns: ['', 'heap', 'resident'],
        rows: [['fastify-tasks', Math.round(memory.heap), Math.round(memory.rss)]]
      }
    ],
    bars: [
      atLeast('POST that enqueues: × the bare route', ratio(of('ours', 'post'), of('bare', 'post')), 0.8),
      atLeast('GET /tasks/:id: × the bare route', ratio(of('ours', 'get'), of('bare', 'get')), 0.8)
    ]
  }
}
