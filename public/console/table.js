// A table that is filled again each second. Rows and cells stay the same elements, so that a selection in them stays.
// On a narrow screen each row is a block of lines, so the roles, which CSS would take away, are said.

import { make } from '../shared/dom.js'

export class Table {
  #body = make('tbody', { role: 'rowgroup' })
  #columns
  #none

  /** `columns`: their names; one that ends with `#` has numbers. `none`: what is said of a table without rows. */
  constructor(table, columns, none) {
    this.#columns = columns.map((name) => ({ name: name.replace('#', ''), isNumber: name.endsWith('#') }))
    this.#none = make('p', { class: 'none quiet' }, none)
    const headings = this.#columns.map(({ name, isNumber }) =>
      make('th', { role: 'columnheader', scope: 'col', class: isNumber ? 'number' : null }, name),
    )
    const head = make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' }, ...headings))
    table.setAttribute('role', 'table')
    table.classList.add('card')
    table.setAttribute('aria-labelledby', table.closest('section').getAttribute('aria-labelledby'))
    table.append(head, this.#body)
    table.after(this.#none)
  }

  /** `rows`: the texts of their cells. Texts are shown as text, never as HTML. */
  fill(rows) {
    const body = this.#body
    while (body.childElementCount > rows.length) body.lastElementChild.remove()
    while (body.childElementCount < rows.length) body.append(this.#row())
    for (const [at, texts] of rows.entries()) {
      for (const [column, text] of texts.entries()) {
        const cell = body.children[at].children[column]
        if (cell.textContent !== text) cell.textContent = text
      }
    }
    body.parentElement.hidden = rows.length === 0
    this.#none.hidden = rows.length > 0
  }

  #row() {
    const cells = this.#columns.map(({ name, isNumber }) =>
      make('td', { role: 'cell', 'data-label': name, class: isNumber ? 'number' : null }),
    )
    return make('tr', { role: 'row' }, ...cells)
  }
}
