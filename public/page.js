// The demo page: opens one stream with this server's client, and lists its events, newest first.
// Promise: events are shown as text only, in at most ROWS_MAX rows, at any rate.

import { connect } from './client.js'

/** Rows that are kept; older ones are removed. */
const ROWS_MAX = 1_000
/** Characters of a value that a row shows. */
const SHOWN_MAX = 4_096
/** Short, so that the page soon finds a demo that was restarted. */
const RETRY_MAX_MS = 5_000
const TOKEN_TIMEOUT_MS = 5_000
/** Parameters by which a stream's URL chooses records. */
const CHOICE = /^(?:key$|headers\.|fields\.)/

const form = element('connection')
const locationField = element('location')
const keysField = element('keys')
const tokenField = element('token')
const reauthorize = element('reauthorize')
const messages = element('messages')

/** The open stream; null before Go and after Stop. */
let stream = null
/** Whether this server issues tokens to its page; null until it has answered. */
let demo = null
/** `exp` of the newest token, in epoch ms; null if unknown. */
let expiresAtMs = null
/** Time of the next connection, in epoch ms. */
let retryAtMs = 0
let received = 0
/** Events that the next animation frame adds on top, oldest first: fewer than 2 * ROWS_MAX. */
let waiting = []

locationField.value = new URL('/events', window.location.href).href
keysField.value = new URLSearchParams(window.location.search).getAll('key').join('\n')
form.addEventListener('submit', go)
element('stop').addEventListener('click', stop)
element('clear').addEventListener('click', clear)
reauthorize.addEventListener('change', () => {
  if (stream) stream.challenges = reauthorize.checked
})
setInterval(showExpiry, 500)
askForDemo()

function go(submit) {
  submit.preventDefault()
  stop()
  clear()
  const url = chosenUrl()
  showChoice(url)
  const opened = connect(url, {
    getToken: ({ signal }) => makeToken(url, signal),
    challenges: reauthorize.checked,
    retryMaxMs: RETRY_MAX_MS,
    onEvent: receive,
    onOpen: ({ lastEventId }) => {
      console.log('open', lastEventId)
      show('open', 'open')
    },
    onError: ({ error, retryInMs, final }) => {
      console.error('error', error.code, error.message)
      if (!final) waitFor(retryInMs)
      // The client tries for a minute, in case a clock is wrong. Meanwhile another token can be pasted.
      if (!final && error.status === 401 && retryInMs !== null) offerToken(`reconnecting: ${error.message}`)
    },
    onEnd: (end) => ended(opened, end),
    onChallenge: ({ answered }) => console.log('challenge', answered ? 'answered' : 'not answered'),
    onRenewed: () => console.log('renewed'),
  })
  stream = opened
  show('connecting', 'connecting')
  opened.closed.then((error) => closed(opened, error))
}

/** The location, with a `key` for each line of Keys besides those that it has itself. */
function chosenUrl() {
  const url = new URL(locationField.value)
  for (const key of keysField.value.split('\n')) if (key !== '') url.searchParams.append('key', key)
  return url.href
}

function showChoice(url) {
  const chosen = [...new URL(url).searchParams].filter(([name]) => CHOICE.test(name))
  element('records').textContent = chosen.map(([name, value]) => `${name} ${value}`).join(', ') || 'all'
}

function stop() {
  stream?.close()
}

/** Without Reauthorize the stream closes when its token expires. */
function ended(opened, { reason, retryInMs }) {
  console.log('end', reason)
  const expired = reason === 'expired' || (expiresAtMs !== null && expiresAtMs <= Date.now())
  if (expired && !reauthorize.checked) {
    opened.close()
    show('closed', 'ended: the token expired and was not renewed')
  } else waitFor(retryInMs)
}

function closed(opened, error) {
  if (stream !== opened) return
  stream = null
  element('stop').disabled = true
  if (error?.code === 'no-token') askForToken('closed: needs a token')
  // The demo's own token may not grant what the user has a token for.
  else if (error?.code === 'unauthorized') askForToken(`closed: ${error.message}`)
  else if (error) show('closed', `closed: ${error.message}`)
  else if (element('status').dataset.state !== 'closed') show('closed', 'stopped')
}

function waitFor(retryInMs) {
  if (retryInMs === null) return
  const isOffline = stream?.state === 'offline'
  retryAtMs = isOffline ? 0 : Date.now() + retryInMs
  show('waiting', isOffline ? 'offline' : 'reconnecting')
}

function show(state, words) {
  element('status').dataset.state = state
  element('state').textContent = words
  element('stop').disabled = state === 'idle' || state === 'closed'
  showExpiry()
}

/** A token that the user pasted; else one that the demo issues, which it does for streams of its own origin only. */
async function makeToken(url, signal) {
  const own = new URL(url).origin === window.location.origin
  const token = tokenField.value.trim() || (own && (await demoToken(signal))) || null
  expiresAtMs = token === null ? null : expiryMs(token)
  if (!own || demo === false) element('token-field').hidden = false
  return token
}

async function demoToken(signal) {
  if (demo === false) return null
  const response = await fetch('/demo/token', { method: 'POST', cache: 'no-store', signal })
  demo = response.ok || (response.status === 404 ? false : demo)
  if (demo === false) return null
  if (!response.ok) throw new Error(`/demo/token answered ${response.status}`)
  return (await response.json()).token
}

async function askForDemo() {
  try {
    await demoToken(AbortSignal.timeout(TOKEN_TIMEOUT_MS))
  } catch (error) {
    console.error('error', 'demo token', error.message)
  }
  element('token-field').hidden = demo !== false
}

function askForToken(words) {
  show('closed', words)
  element('token-field').hidden = false
  tokenField.focus()
}

function offerToken(words) {
  show('waiting', words)
  element('token-field').hidden = false
}

/** The `exp` of a JWT in epoch ms, for the countdown; null if it cannot be read. */
function expiryMs(token) {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
    const { exp } = JSON.parse(atob(payload))
    return typeof exp === 'number' ? exp * 1_000 : null
  } catch {
    return null
  }
}

function showExpiry() {
  const state = element('status').dataset.state
  const seconds = Math.max(0, Math.ceil(((expiresAtMs ?? 0) - Date.now()) / 1_000))
  const left = expiresAtMs === null ? 'no expiry known' : seconds > 0 ? `expires in ${seconds} s` : 'expired'
  element('expiry').textContent = stream === null ? 'none' : left
  const retryInSeconds = state === 'waiting' ? Math.ceil((retryAtMs - Date.now()) / 1_000) : 0
  // Outside the state element, because screen readers read that one at each change.
  element('countdown').textContent = retryInSeconds > 0 ? `in ${retryInSeconds} s` : ''
}

function receive(event) {
  if (event.type === 'message' || event.type === 'delete') received++
  if (waiting.length === 0) requestAnimationFrame(render)
  waiting.push({ event, atMs: Date.now() })
  // A page in the background gets no animation frames, so events beyond the rows are dropped here.
  if (waiting.length >= ROWS_MAX * 2) waiting = waiting.slice(-ROWS_MAX)
}

function render() {
  const rows = waiting.slice(-ROWS_MAX).reverse().map(row)
  waiting = []
  messages.prepend(...rows)
  while (messages.childElementCount > ROWS_MAX) messages.lastElementChild.remove()
  element('received').textContent = received.toLocaleString()
  element('empty').hidden = messages.childElementCount > 0
}

function clear() {
  waiting = []
  received = 0
  messages.replaceChildren()
  element('received').textContent = '0'
  element('empty').hidden = false
}

function row({ event, atMs }) {
  const { type, data, id } = event
  const item = node('li', '')
  item.className = ['delete', 'gap', 'ready'].includes(type) ? type : 'message'
  const time = node('time', new Date(atMs).toLocaleTimeString())
  time.dateTime = new Date(atMs).toISOString()
  item.append(time, node('pre', words(type, data)))
  if (id !== '') {
    const position = node('span', id)
    position.className = 'id'
    item.append(position)
  }
  return item
}

function words(type, data) {
  if (type === 'ready') return 'live from here'
  if (type === 'gap' && data === 'too-large') return 'gap: one record was too large to be sent'
  if (type === 'gap')
    return `gap (${data}): the stream starts from the beginning, rows below may be out of date`
  const text = type === 'delete' ? keyText(data) : type === 'message' ? data : `${type}: ${data}`
  if (text.length <= SHOWN_MAX) return text
  return `${text.slice(0, SHOWN_MAX)}… (${text.length.toLocaleString()} characters in all)`
}

/** The key as text if it is UTF-8, otherwise in base64url. */
function keyText(base64url) {
  try {
    const binary = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
    return new TextDecoder('utf-8', { fatal: true }).decode(
      Uint8Array.from(binary, (character) => character.charCodeAt(0)),
    )
  } catch {
    return base64url
  }
}

function node(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

function element(id) {
  return document.getElementById(id)
}
