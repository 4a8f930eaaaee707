/**
 * W3C Trace Context: what of a header is taken, and what is ignored.
 */
import t from 'tap'
import {
  cleanOrigin, requestIdOf, traceFields, traceparentOf, tracestateOf, type Origin
} from '../../lib/records/origin.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const good = `00-${TRACE}-${SPAN}-01`

t.test('a traceparent of version 00', async t => {
  for (const flags of ['00', '01', '03', 'ff']) {
    t.equal(traceparentOf(`00-${TRACE}-${SPAN}-${flags}`), `00-${TRACE}-${SPAN}-${flags}`)
  }
  t.strictSame(traceFields(good), { trace_id: TRACE, span_id: SPAN, trace_flags: '01' })
})

t.test('a later version is read as far as it is known, and passed on as version 00', async t => {
  t.equal(traceparentOf(`01-${TRACE}-${SPAN}-01`), good)
  t.equal(traceparentOf(`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`), good)
  t.equal(traceparentOf(`fe-${TRACE}-${SPAN}-02`), `00-${TRACE}-${SPAN}-00`, 'flags that are not known are not set')
  t.equal(traceparentOf(`cc-${TRACE}-${SPAN}-03.what`), undefined)
})

t.test('what is no traceparent', async t => {
  const bad: unknown[] = [
    undefined, null, 5, {}, [good], '', 'x',
    good.slice(0, -1), `${good}0`, `${good}-`, `${good}-01`, ` ${good}`, `${good}\n`, `${good}, ${good}`,
    good.toUpperCase(), `ff-${TRACE}-${SPAN}-01`, `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`, `0x-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-0x`, `00_${TRACE}_${SPAN}_01`,
    `00-${TRACE.slice(1)}-${SPAN}0-01`,
    `cc-${TRACE}-${SPAN}-0`, `cc-${TRACE}-${SPAN}-011`, `cc-${'0'.repeat(32)}-${SPAN}-01`
  ]
  for (const one of bad) t.equal(traceparentOf(one), undefined, String(one))
})

t.test('a tracestate', async t => {
  const key = 'k'.repeat(256)
  const taken: Array<[string, string]> = [
    ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    ['a=1,  b=2\t,,c=3', 'a=1,b=2,c=3'],
    ['tenant@system=x:y;z', 'tenant@system=x:y;z'],
    ['0k_-*/=~ !', '0k_-*/=~ !'],
    [`${key}=v`, `${key}=v`],
    [`a=${'v'.repeat(256)}`, `a=${'v'.repeat(256)}`]
  ]
  for (const [header, value] of taken) t.equal(tracestateOf(header), value)
})

t.test('what is no tracestate', async t => {
  const bad: unknown[] = [
    undefined, null, 5, ['a=1'], '', ',', ' ', 'a', 'a=', '=1', 'A=1', 'a b=1', 'a=b=c', 'a=é', 'a=\n', 'a=1,a=2',
    'a=1,b', '@a=1', 'a@=1', 'a@b@c=1',
    `${'k'.repeat(257)}=v`, `a=${'v'.repeat(257)}`, `${'t'.repeat(242)}@a=1`, `a@${'s'.repeat(15)}=1`,
    Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(','), `a=${'v,'.repeat(10_000)}`
  ]
  for (const one of bad) t.equal(tracestateOf(one), undefined, String(one).slice(0, 80))
})

t.test('a tracestate longer than 512: large entries go first, then the last', async t => {
  const small = Array.from({ length: 25 }, (_, i) => `key${i}=${'v'.repeat(10)}`)
  const large = `large=${'v'.repeat(200)}`
  t.equal(tracestateOf([large, ...small, large.replace('large', 'other')].join(',')), small.join(','))
  const medium = Array.from({ length: 8 }, (_, i) => `key${i}=${'v'.repeat(95)}`)
  t.equal(tracestateOf(medium.join(',')), medium.slice(0, 5).join(','))
  t.equal(tracestateOf(`a=${'v'.repeat(256)},b=${'v'.repeat(256)}`), `a=${'v'.repeat(256)}`, 'the first is kept')
})

t.test('a request id is bounded', async t => {
  t.equal(requestIdOf('req-1'), 'req-1')
  t.equal(requestIdOf('x'.repeat(10_000)), 'x'.repeat(256))
  for (const bad of [undefined, null, '', 5, {}, []]) t.equal(requestIdOf(bad), undefined)
})

t.test('what any producer wrote', async t => {
  const clean = (stored: any): Origin => {
    cleanOrigin(stored)
    return stored
  }
  const whole = { reqId: 'r', traceparent: good, tracestate: 'a=1' }
  t.strictSame(clean({ ...whole }), whole)
  t.strictSame(clean({}), {})
  t.strictSame(clean({ reqId: {}, traceparent: 'x', tracestate: 'a=1' }), {}, 'no tracestate without a traceparent')
  t.strictSame(clean({ reqId: 'x'.repeat(1_000), tracestate: 'a=1' }), { reqId: 'x'.repeat(256) })
  t.strictSame(clean({ traceparent: good, tracestate: 'A' }), { traceparent: good })
})
