// The page: opens one stream with this server's client, and lists its records, newest first. Promise: events are shown
// as text only, and a bounded number of them at any rate.

import { connect } from './client.js'
import { adviceForEnd, adviceForError, EXPIRED_ADVICE } from './page/advice.js'
import { ArrivalRate } from './page/arrival-rate.js'
import { keepOneStop, moveByArrows } from './page/arrows.js'
import { copyFrom } from './page/copying.js'
import { isWholeRecord, readEvent } from './page/record.js'
import { RecordList, ROWS_MAX } from './page/record-list.js'
import { Silence } from './page/silence.js'
import { Tokens } from './page/tokens.js'
import { element } from './shared/dom.js'
import { number, rate } from './shared/numbers.js'

/** Short, so that the page soon finds a demo that was restarted. */
const RETRY_MAX_MS = 5_000
/** Parameters by which a stream's URL chooses records. */
const CHOICE = /^(?:key$|headers\.|fields\.)/

const locationField = element('location')
const keysField = element('keys')
const tokenField = element('token')
const reauthorize = element('reauthorize')
const pause = element('pause')

const tokens = new Tokens(tokenField)
const list = new RecordList(element('messages'))
const arrivals = new ArrivalRate()
const silence = new Silence()

/** The open stream; null before Go and after Stop. */
let stream = null
/** Time of the next connection, in epoch ms. */
let retryAtMs = 0
let received = 0
/** Of the newest event, to see which partition moves next. */
let previousId = ''
/** Whether the stream sends whole records; null until its first record tells. One stream has one encoding. */
let isWhole = null

locationField.value = new URL('/events', window.location.href).href
keysField.value = new URLSearchParams(window.location.search).getAll('key').join('\n')
element('connection').addEventListener('submit', go)
locationField.addEventListener('input', offerWholeRecords)
element('stop').addEventListener('click', () => stream?.close())
element('clear').addEventListener('click', clear)
element('copy').addEventListener('click', ({ target }) => copyFrom(target, () => list.text()))
element('filter').addEventListener('input', ({ target }) => {
  list.filter = target.value
})
pause.addEventListener('click', () => {
  list.isPaused = !list.isPaused
  pause.setAttribute('aria-pressed', `${list.isPaused}`)
})
reauthorize.addEventListener('change', () => {
  if (stream) stream.challenges = reauthorize.checked
})
list.onChange = showCounts
moveByArrows(element('messages'))
setInterval(showTimes, 500)
setInterval(showRate, 1_000)
tokens.askForDemo().then(() => {
  element('token-field').hidden = tokens.isDemo !== false
  offerWholeRecords()
})

function go(submit) {
  submit.preventDefault()
  stream?.close()
  clear()
  const url = chosenUrl()
  isWhole = tokens.sendsWhole(new URL(url))
  const { origin } = new URL(url)
  showChoice(url)
  const opened = connect(url, {
    getToken: ({ signal }) => makeToken(origin, signal),
    challenges: reauthorize.checked,
    retryMaxMs: RETRY_MAX_MS,
    onEvent: receive,
    onOpen: ({ lastEventId }) => {
      console.log('open', lastEventId)
      silence.opened(Date.now())
      show('open', 'open')
    },
    onError: ({ error, retryInMs, final }) => failed(error, { retryInMs, final, origin }),
    onEnd: (end) => ended(opened, end),
    onChallenge: ({ answered }) => console.log('challenge', answered ? 'answered' : 'not answered'),
    onRenewed: () => console.log('renewed'),
  })
  stream = opened
  show('connecting', 'connecting')
  opened.closed.then((error) => closed(opened, error, origin))
}

/** The location, with a `key` for each line of Keys besides those that it has itself. */
function chosenUrl() {
  const url = new URL(locationField.value)
  const whole = tokens.wholeRecordsOf(url)
  if (whole !== null && element('whole').checked) url.pathname = whole
  for (const key of keysField.value.split('\n')) if (key !== '') url.searchParams.append('key', key)
  return url.href
}

function offerWholeRecords() {
  const { value } = locationField
  element('whole-field').hidden = !URL.canParse(value) || tokens.wholeRecordsOf(new URL(value)) === null
}

function showChoice(url) {
  const chosen = [...new URL(url).searchParams].filter(([name]) => CHOICE.test(name))
  element('records').textContent = chosen.map(([name, value]) => `${name} ${value}`).join(', ') || 'all'
}

async function makeToken(origin, signal) {
  const isOwn = origin === window.location.origin
  const token = await tokens.make(isOwn, signal)
  if (!isOwn || tokens.isDemo === false) element('token-field').hidden = false
  return token
}

/** The client goes on by itself, unless the error is final: then it closes. */
function failed(error, { retryInMs, final, origin }) {
  console.error('error', error.code, error.message)
  if (final) return
  // A renewal that failed leaves the stream open. What is said of it stays until the next change.
  if (retryInMs === null) return advise(`${error.message}. ${adviceForError(error, origin)}`)
  waitFor(retryInMs)
  advise(adviceForError(error, origin))
  if (error.status !== 401) return
  // The client tries for a minute, in case a clock is wrong. Meanwhile another token can be pasted.
  show('waiting', `${error.message}. Reconnecting`, adviceForError(error, origin))
  element('token-field').hidden = false
}

/** Without Reauthorize the stream closes when its token expires. */
function ended(opened, { reason, retryInMs }) {
  console.log('end', reason)
  const { expiresAtMs } = tokens
  const isExpired = reason === 'expired' || (expiresAtMs !== null && expiresAtMs <= Date.now())
  if (isExpired && !reauthorize.checked) {
    opened.close()
    show('closed', 'ended: the token expired and was not renewed', EXPIRED_ADVICE)
  } else {
    waitFor(retryInMs)
    advise(adviceForEnd(reason))
  }
}

function closed(opened, error, origin) {
  if (stream !== opened) return
  stream = null
  element('stop').disabled = true
  if (!error) {
    if (element('status').dataset.state !== 'closed') show('closed', 'stopped')
    return
  }
  const words = error.code === 'no-token' ? 'closed: needs a token' : `closed: ${error.message}`
  show('closed', words, adviceForError(error, origin))
  // The demo's own token may not grant what the user has a token for.
  if (error.code !== 'no-token' && error.code !== 'unauthorized') return
  element('token-field').hidden = false
  tokenField.focus()
}

function waitFor(retryInMs) {
  const isOffline = stream?.state === 'offline'
  retryAtMs = isOffline ? 0 : Date.now() + retryInMs
  show('waiting', isOffline ? 'offline' : 'reconnecting')
}

function show(state, words, advice = '') {
  if (state !== 'open') silence.ended()
  element('status').dataset.state = state
  element('state').textContent = words
  element('stop').disabled = state === 'idle' || state === 'closed'
  advise(advice)
  showTimes()
}

function advise(words) {
  element('advice').textContent = words
}

function showTimes() {
  const { expiresAtMs } = tokens
  const seconds = Math.max(0, Math.ceil(((expiresAtMs ?? 0) - Date.now()) / 1_000))
  const left = expiresAtMs === null ? 'no expiry known' : seconds > 0 ? `expires in ${seconds} s` : 'expired'
  element('expiry').textContent = stream === null ? 'none' : left
  const isWaiting = element('status').dataset.state === 'waiting'
  const retryInSeconds = isWaiting ? Math.ceil((retryAtMs - Date.now()) / 1_000) : 0
  const silent = silence.tell(Date.now())
  // Outside the elements with a role, because screen readers read those at each change.
  element('countdown').textContent = retryInSeconds > 0 ? `in ${retryInSeconds} s` : (silent?.words ?? '')
  element('silence').textContent = silent?.advice ?? ''
}

function showRate() {
  element('rate').textContent = `${rate(arrivals.endSecond())} /s`
}

function receive(event) {
  silence.heard(event, Date.now())
  if (event.type === 'message') isWhole ??= isWholeRecord(event)
  // After a gap the stream begins again, so positions before and after it are not compared.
  if (event.type === 'gap' && event.data !== 'too-large') previousId = ''
  const read = readEvent(event, previousId, isWhole)
  previousId = event.id
  if (read.kind === 'message' || read.kind === 'delete') {
    received++
    arrivals.add()
  }
  if (read.kind === 'message') {
    element('keyless').hidden = read.headers !== null
    element('messages').parentElement.classList.toggle('keyless', read.headers === null)
  }
  list.add(read)
}

function showCounts({ kept, shown, held }) {
  keepOneStop(element('messages'))
  element('received').textContent = number(received)
  element('empty').hidden = shown > 0
  element('empty').textContent =
    kept > 0 ? 'None of them has this text.' : 'Nothing yet. Press Go, then produce a record.'
  const last = kept < ROWS_MAX ? '' : 'the last '
  element('shown').textContent =
    shown < kept
      ? `${number(shown)} of ${last}${number(kept)} have the text; newest first.`
      : `Newest first, the last ${number(ROWS_MAX)} at most. Arrow keys move, Enter opens.`
  pause.textContent = list.isPaused ? `Resume${held > 0 ? ` (${number(held)} new)` : ''}` : 'Pause'
}

function clear() {
  received = 0
  previousId = ''
  arrivals.clear()
  element('keyless').hidden = true
  list.clear()
}
