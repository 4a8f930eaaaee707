import t from 'tap'
import { acceptsEvents } from '../../lib/routes/accept.ts'

t.test('Accept: of the ranges that match events the most specific decides', async t => {
  const accepted = [
    undefined, '', '*/*', 'text/*', 'text/event-stream', 'TEXT/Event-Stream', 'application/json, */*',
    'text/event-stream;q=0.5', 'text/html, text/event-stream ; charset=utf-8; q=0.1', '*/*;q=0, text/*',
    'text/*;q=0.0, text/event-stream', 'text/event-stream;q=0, text/event-stream'
  ]
  for (const header of accepted) t.ok(acceptsEvents(header), `${header}`)
  const refused = [
    'application/json', 'text/html', 'text/event-stream;q=0', '*/*, text/event-stream; q=0.000', '*/*, text/*;Q=0',
    '*/*;q=0', ',', 'text/event-streams', 'text'
  ]
  for (const header of refused) t.notOk(acceptsEvents(header), header)
})
