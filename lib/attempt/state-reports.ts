/**
 * What an attempt reports of itself: stage and progress. Checks it, keeps the last one, and has it stored.
 */
import * as errors from '../errors.ts'
import { LatestReport } from './latest-report.ts'
import { checkStage, serializeProgress } from './serialize.ts'
import type { ClaimedTask, ReportedState } from './claimed-task.ts'
import type { Definition } from '../tasks/definition.ts'

export interface StateReport {
  /** { stage, progress } */
  json: string
  /** The progress in it. Undefined if it is null. */
  progress: string | undefined
}

export const NOTHING_REPORTED: ReportedState = { stage: null, progress: null }

export class StateReports {
  readonly #definition: Definition
  readonly #maxProgressSize: number
  readonly #reports: LatestReport<StateReport>
  #state = NOTHING_REPORTED

  /** @param store never rejects */
  constructor (definition: Definition, { settings }: ClaimedTask, store: (report: StateReport) => Promise<void>) {
    this.#definition = definition
    this.#maxProgressSize = settings.maxProgressSize
    this.#reports = new LatestReport(store)
  }

  /** The last stage and progress that were reported. */
  get state (): ReportedState { return this.#state }

  // Both throw at once and not through their promise: a rejection that nobody awaits would end the process.

  updateState (stage: string, progress?: unknown): Promise<void> {
    checkStage(stage, reason => this.#invalid(reason))
    return this.#report(stage, progress === undefined ? this.#state.progress : progress)
  }

  reportProgress (progress: unknown): Promise<void> {
    return this.#report(this.#state.stage, progress)
  }

  #report (stage: string | null, progress: unknown): Promise<void> {
    const serializer = this.#definition.schemas().progress
    const invalid = (reason: string): Error => this.#invalid(reason)
    const json = serializeProgress(progress, { serializer, maxProgressSize: this.#maxProgressSize, invalid })
    // A copy: the handler may go on to change its object.
    this.#state = { stage, progress: JSON.parse(json) }
    return this.#reports.push({
      json: `{"stage":${JSON.stringify(stage)},"progress":${json}}`,
      progress: json === 'null' ? undefined : json
    })
  }

  #invalid (reason: string): Error {
    return new errors.ProgressInvalid(this.#definition.name, this.#maxProgressSize, reason)
  }
}
