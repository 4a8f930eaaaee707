/** Compares our routes with the same routes that make one ioredis call; measures the memory of an open event stream. */
import { atLeast } from '../bars.ts'
import { median, ratio } from '../stats.ts'
import { interleave, participating, type PartResult, type Size, type BenchContext, type Table } from '../context.ts'
import { payload } from '../work.ts'
import type { BenchProcess } from '../processes.ts'
import type { Kind } from '../roles/web.ts'

const kinds: Kind[] = ['ours', 'noContext', 'bare']

interface Site { web: BenchProcess, address: string, paths: string[] }
interface Sample { post: number, get: number, other: number }

const CONNECTIONS = 20
const KNOWN = 100

/** @property duration of one measurement in seconds */
const workloads: Record<Size, { rounds: number, warmUps: number, duration: number, streams: number }> = {
  full: { rounds: 5, warmUps: 1, duration: 2, streams: 1_000 },
  quick: { rounds: 2, warmUps: 1, duration: 0.6, streams: 1_000 },
  tiny: { rounds: 1, warmUps: 0, duration: 0.5, streams: 20 }
}

export async function http (context: BenchContext): Promise<PartResult> {
  if (participating(context, 'ours').length === 0) return { tables: [], bars: [] }
  const { rounds, warmUps, duration, streams } = workloads[context.size]
  await context.redis.flush()
  const sites = new Map<Kind, Site>()
  for (const kind of kinds) sites.set(kind, await open(context, kind))
  await checkSameLengths(sites)
  const load = await context.processes.node('load', ['autocannon'])
  const samples = await interleave(kinds, rounds, warmUps, async (kind, round) => {
    const sample = await measure(load, sites.get(kind)!, round < 0 ? duration / 2 : duration)
    const title = round < 0 ? 'warm-up' : `round ${round + 1}`
    const [post, get, other] = [sample.post, sample.get, sample.other].map(Math.round)
    context.log(`http, ${title}: ${kind}, POST ${post}/s, GET ${get}/s, another route ${other}/s`)
    return sample
  })
  const memory = await openStreams(context, sites.get('ours')!, streams)
  await Promise.all([load, ...[...sites.values()].map(site => site.web)].map(started => started.end()))
  return toResult(samples, memory)
}

const body = JSON.stringify(payload())

const enqueue = async (address: string): Promise<Response> =>
  await fetch(`${address}/enqueue`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })

async function open ({ processes, redis }: BenchContext, kind: Kind): Promise<Site> {
  const web = await processes.node('web', [kind, redis.url], ['--expose-gc'])
  const address = await web.call<string>('address')
  return { web, address, paths: await enqueueTasks(address, KNOWN) }
}

/** Enqueues tasks that no worker runs. Returns the paths of their status. */
async function enqueueTasks (address: string, count: number): Promise<string[]> {
  const paths: string[] = []
  for (let i = 0; i < count; i++) paths.push((await enqueue(address)).headers.get('location')!)
  return paths
}

/** Throws unless the answers of both kinds have the same length: otherwise the comparison would be unfair. */
async function checkSameLengths (sites: Map<Kind, Site>): Promise<void> {
  const lengths = await Promise.all(kinds.map(async kind => {
    const { address, paths } = sites.get(kind)!
    const answers = [await enqueue(address), await fetch(address + paths[0])]
    return (await Promise.all(answers.map(answer => answer.text()))).map(text => text.length)
  }))
  if (new Set(lengths.map(String)).size > 1) {
    throw new Error(`the answers of the routes differ in length: ${lengths.join(' and ')} characters`)
  }
}

async function measure (load: BenchProcess, { address, paths }: Site, duration: number): Promise<Sample> {
  const options = { url: address, connections: CONNECTIONS, duration }
  const post = await load.call<number>('run', { ...options, method: 'POST', body, paths: ['/enqueue'] })
  const get = await load.call<number>('run', { ...options, method: 'GET', paths })
  const other = await load.call<number>('run', { ...options, method: 'GET', paths: ['/other'] })
  return { post, get, other }
}

interface Memory { heap: number, rss: number }

/** Bytes of one open stream, measured with many of them. Each is the stream of another waiting task. */
async function openStreams (
  context: BenchContext, { web, address }: Site, count: number
): Promise<Memory & { count: number }> {
  const client = await context.processes.node('streams', ['clients'])
  const paths = await enqueueTasks(address, count)
  const urls = paths.map(path => `${address}${path}/events`)
  await client.call('open', { urls: urls.slice(0, 10) }) // allocates the memory that all streams share
  const before = await web.call<Memory>('memory')
  await client.call('open', { urls: urls.slice(10) })
  const after = await web.call<Memory>('memory')
  await client.call('close')
  await client.end()
  const each = (key: keyof Memory): number => (after[key] - before[key]) / (count - 10)
  const [heap, rss] = [Math.round(each('heap')), Math.round(each('rss'))]
  context.log(`http: ${count} event streams, ${heap} bytes of heap each, ${rss} of rss`)
  return { count, heap: each('heap'), rss: each('rss') }
}

const titles: Record<Kind, string> = {
  ours: 'fastify-tasks', noContext: 'fastify-tasks, requestContext: false', bare: 'bare routes'
}

/** Before Node 24 AsyncLocalStorage makes all promises slower: there the bars are those without it. */
const judged: Kind = Number(process.versions.node.split('.')[0]) < 24 ? 'noContext' : 'ours'

function toResult (samples: Map<Kind, Sample[]>, memory: Memory & { count: number }): PartResult {
  const rates = (kind: Kind, key: keyof Sample): number[] => samples.get(kind)!.map(sample => sample[key])
  const row = (kind: Kind): Table['rows'][number] =>
    [titles[kind], ...(['post', 'get', 'other'] as const).map(key => Math.round(median(rates(kind, key))))]
  const toBare = (key: keyof Sample): number => ratio(rates(judged, key), rates('bare', key))
  const setting = judged === 'ours' ? '' : ', requestContext: false'
  return {
    tables: [
      {
        title: `HTTP answers a second, ${CONNECTIONS} connections`,
        note: 'The bare routes call one EVALSHA (HSET, LPUSH), and one HGET; same Fastify, schema and answer length. ' +
          'Another route is one of the app that has nothing to do with tasks.',
        columns: ['', 'POST that enqueues', 'GET of a status', 'another route'],
        rows: kinds.map(row)
      },
      {
        title: `Memory of ${memory.count.toLocaleString('en-US')} open event streams, bytes each`,
        columns: ['', 'heap', 'resident'],
        rows: [['fastify-tasks', Math.round(memory.heap), Math.round(memory.rss)]]
      }
    ],
    bars: [
      atLeast(`POST that enqueues: × the bare route${setting}`, toBare('post'), 0.8),
      atLeast(`GET /tasks/:id: × the bare route${setting}`, toBare('get'), judged === 'ours' ? 0.85 : 0.8),
      atLeast(`another route: × without the plugin${setting}`, toBare('other'), 0.97)
    ]
  }
}
