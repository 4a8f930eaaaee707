/** The parts of the bench, in their order. */
import { processed } from './processed.ts'
import type { Part } from '../stage.ts'

export const parts = { processed } satisfies Record<string, Part>

export type PartName = keyof typeof parts
