/** Describes the machine and the versions of a run. Holds no host name and no path. */
import { readFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../scripts/redis.ts'

export interface Machine {
  cores: number
  cpu: string
  memory: string
  system: string
  /** Load average of the minute before the run. */
  loadBefore: number
  versions: Record<string, string>
}

const packages = ['fastify', 'bee-queue', 'bullmq', 'ioredis', 'autocannon']

/** @param others versions of software that is not an npm package, by name */
export function machine (others: Record<string, string>): Machine {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    // Only the numbers: the rest of a kernel's release may name its builder.
    system: `${platform()} ${/^[\d.]+/.exec(release())?.[0] ?? ''} ${arch()}`,
    loadBefore: Number(loadavg()[0]!.toFixed(1)),
    versions: {
      'fastify-tasks': versionOf(projectRoot()),
      Node: process.version.slice(1),
      ...others,
      ...Object.fromEntries(packages.map(name => [name, versionOf(join(projectRoot(), 'node_modules', name))])),
      'redis (Bee-Queue\'s client)': beeClient()
    }
  }
}

function versionOf (folder: string): string {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version
}

/** The version of Bee-Queue's redis package. npm may have installed it below Bee-Queue, or beside it. */
function beeClient (): string {
  const modules = join(projectRoot(), 'node_modules')
  try {
    return versionOf(join(modules, 'bee-queue', 'node_modules', 'redis'))
  } catch {
    return versionOf(join(modules, 'redis'))
  }
}
