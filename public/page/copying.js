// Buttons that copy a text, and say whether they did.

import { make } from '../shared/dom.js'

const SAID_MS = 2_000

/** `read` makes the text when the button is pressed. */
export function copyButton(words, read) {
  const button = make('button', { type: 'button' }, words)
  button.addEventListener('click', () => copyFrom(button, read))
  return button
}

/** The button's own words come back after a moment. */
export async function copyFrom(button, read) {
  button.dataset.words ??= button.textContent
  button.textContent = await copied(read())
  setTimeout(() => {
    button.textContent = button.dataset.words
  }, SAID_MS)
}

async function copied(text) {
  // Browsers offer no clipboard to pages of plain http, except on localhost.
  if (!navigator.clipboard) return 'Needs https'
  try {
    await navigator.clipboard.writeText(text)
    return 'Copied'
  } catch {
    return 'Not allowed'
  }
}
