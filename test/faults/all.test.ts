import { runFiles } from '../support/room.ts'

runFiles('faults', 3)
