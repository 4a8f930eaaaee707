/**
 * What an attempt reports of itself: stage and progress. Checks it, keeps the last one, and has it stored.
 */
import * as errors from '../errors.ts'
import { LatestReport } from './latest-report.ts'
import { checkStage, serializeProgress } from './serialize.ts'
import { stateOfReports, type ClaimedTask, type ReportedState } from './claimed-task.ts'
import type { Definition } from '../tasks/definition.ts'

export interface StateReport {
  /** { stage, progress } */
  json: string
  /** The last progress of this attempt, as JSON. Undefined if it has reported none, or null. */
  progress: string | undefined
}

export class StateReports {
  readonly #definition: Definition
  readonly #maxProgressSize: number
  readonly #reports: LatestReport<StateReport>
  #state: ReportedState
  /** The `progress` of the last report. */
  #reported: string | undefined

  /** @param store never rejects */
  constructor (definition: Definition, task: ClaimedTask, store: (report: StateReport) => Promise<void>) {
    this.#definition = definition
    this.#maxProgressSize = task.settings.maxProgressSize
    this.#state = stateOfReports(task)
    this.#reports = new LatestReport(store)
  }

  /** The last stage and progress that were reported: by this attempt, or by one before it. */
  get state (): ReportedState { return this.#state }

  // Both throw at once and not through their promise: a rejection that nobody awaits would end the process.

  updateState (stage: string, progress?: unknown): Promise<void> {
    checkStage(stage, reason => this.#invalid(reason))
    return progress === undefined ? this.#push({ ...this.#state, stage }) : this.#report(stage, progress)
  }

  reportProgress (progress: unknown): Promise<void> {
    return this.#report(this.#state.stage, progress)
  }

  #report (stage: string | null, progress: unknown): Promise<void> {
    const serializer = this.#definition.schemas().progress
    const invalid = (reason: string): Error => this.#invalid(reason)
    const json = serializeProgress(progress, { serializer, maxProgressSize: this.#maxProgressSize, invalid })
    this.#reported = json === 'null' ? undefined : json
    // A copy: the handler may go on to change its object.
    return this.#push({ stage, progress: JSON.parse(json) }, json)
  }

  #push (state: ReportedState, json = JSON.stringify(state.progress)): Promise<void> {
    this.#state = state
    const progress = this.#reported
    return this.#reports.push({ json: `{"stage":${JSON.stringify(state.stage)},"progress":${json}}`, progress })
  }

  #invalid (reason: string): Error {
    return new errors.ProgressInvalid(this.#definition.name, this.#maxProgressSize, reason)
  }
}
