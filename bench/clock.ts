/** One clock for all processes of this machine, Celery's too: ms of CLOCK_MONOTONIC, with fractions. */
import { performance } from 'node:perf_hooks'

const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now()

export const now = (): number => performance.now() + offset
