/**
 * npm run fuzz: generated inputs against a private Redis: what is enqueued, the HTTP surface, garbage on the channels,
 * garbage in the records and lists. See `usage` in arguments.ts.
 */
import { startRedis } from '../scripts/redis.ts'
import { readArguments, type Arguments } from './arguments.ts'
import { channels } from './channels.ts'
import { enqueue } from './enqueue.ts'
import { Health } from './health.ts'
import { http } from './http.ts'
import { readers } from './readers.ts'
import { records } from './records.ts'
import { run } from './run.ts'
import { Table } from './table.ts'
import { watch, type Watchdog } from './watchdog.ts'
import { workers } from './workers.ts'
import { wrongTypes } from './wrong-types.ts'
import type { Area } from './area.ts'

/** For 1,000 inputs, and for the start, in ms. */
const LONGEST = { each: 6_000, start: 240_000 }

// What hung does not keep the process up.
process.exit(await main().catch(error => {
  process.stderr.write(`fuzz: ${error.message}\n`)
  return 1
}))

async function main (): Promise<number> {
  const options = readArguments(process.argv.slice(2))
  process.stdout.write(`fuzz: seed ${options.seed}, ${options.runs} inputs\n`)
  const watchdog = watch(LONGEST.start + options.runs / 1_000 * LONGEST.each)
  const redis = await startRedis()
  try {
    const areas = [enqueue, workers, http, channels, readers, records, wrongTypes].map(make => make(redis.url))
    return await runAll(areas, options, watchdog)
  } finally {
    await redis.stop()
    await watchdog.stop()
  }
}

async function runAll (areas: Area[], options: Arguments, watchdog: Watchdog): Promise<number> {
  const health = new Health()
  const table = new Table()
  const total = areas.flatMap(area => area.properties).reduce((sum, one) => sum + one.weight, 0)
  for (const area of areas) {
    const wanted = area.properties.filter(one => `${area.name}, ${one.name}`.includes(options.only))
    if (wanted.length === 0) continue
    await area.open()
    for (const property of wanted) {
      watchdog.tell(`${area.name}, ${property.name}`)
      const start = Date.now()
      const inputs = Math.ceil(options.runs * property.weight / total)
      const tried = await run({ area, property, inputs, seed: options.seed, health })
      table.add({ area: area.name, property: property.name, ms: Date.now() - start, tried })
    }
    await area.close()
  }
  return table.end()
}
