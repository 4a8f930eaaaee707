import { runRoom } from '../support/room.ts'

await runRoom('schedules', 3)
