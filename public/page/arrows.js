// Arrow keys, Home and End move over the rows of the list. One row is a stop of the tab key, so that it passes a
// thousand rows at once: the row that has the focus, else the newest.

const ROW = ':scope > li > details > summary'

export function moveByArrows(list) {
  list.addEventListener('keydown', (event) => {
    const rows = [...list.querySelectorAll(ROW)]
    const at = rows.indexOf(event.target)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key]
    if (at === -1 || to === undefined) return
    rows[Math.max(0, Math.min(rows.length - 1, to))].focus()
    event.preventDefault()
  })
  list.addEventListener('focusin', () => keepOneStop(list))
}

/** Called when rows came or went. */
export function keepOneStop(list) {
  const stop = list.querySelector(`${ROW}[tabindex="0"]`)
  const focused = document.activeElement
  const next = focused?.matches(ROW.replace(':scope', `#${list.id}`)) ? focused : list.querySelector(ROW)
  if (stop === next) return
  stop?.setAttribute('tabindex', '-1')
  next?.setAttribute('tabindex', '0')
}
