/** Compares our worker with its defaults, which count metrics and store a history, with one that does neither. */
import { atLeast, atMost } from '../bars.ts'
import { interleave, participating, peerPairs, type BenchContext, type PartResult, type Size } from '../context.ts'
import { median, ratio } from '../stats.ts'
import { measureOnce, type Sample } from './processed.ts'

const CONCURRENCY = 100

const workloads: Record<Size, { rounds: number, jobs: number }> = {
  full: { rounds: 5, jobs: 100_000 },
  quick: { rounds: 3, jobs: 50_000 },
  tiny: { rounds: 1, jobs: 500 }
}

const cases = { 'ours-no-metrics': 'without metrics and history', ours: 'with both, as by default' } as const
type Case = keyof typeof cases

export async function metrics (context: BenchContext): Promise<PartResult> {
  if (participating(context, 'ours').length === 0) return { tables: [], bars: [] }
  const { rounds, jobs } = workloads[context.size]
  const names = Object.keys(cases) as Case[]
  const pairs = await peerPairs(context, names)
  const samples = await interleave(names, rounds, 1, (name, round) => measureOnce(context, {
    pair: pairs.get(name)!, title: `fastify-tasks ${cases[name]}`, concurrency: CONCURRENCY, jobs, round
  }))
  const valuesOf = (name: Case, key: keyof Sample): number[] => samples.get(name)!.map(sample => sample[key])
  const ratioOf = (key: keyof Sample): number => ratio(valuesOf('ours', key), valuesOf('ours-no-metrics', key))
  const medians = (name: Case): number[] =>
    (['workerCpu', 'redisCpu', 'commands'] as const).map(key => median(valuesOf(name, key)))
  return {
    tables: [{
      title: `Processed a second with and without metrics, concurrency ${CONCURRENCY}`,
      columns: ['', 'processed/s', 'CPU µs a job, worker', 'CPU µs a job, Redis', 'commands a job'],
      rows: names.map(name => [cases[name], Math.round(median(valuesOf(name, 'rate'))), ...medians(name)])
    }],
    bars: [
      atLeast('processed/s with metrics and history: × without', ratioOf('rate'), 0.95),
      atMost('CPU µs a job of Redis with metrics and history: × without', ratioOf('redisCpu'), 1.05)
    ]
  }
}
