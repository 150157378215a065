// Small ways to make elements, for the page and the console. Promise: texts are shown as text, never as HTML.

const SVG = 'http://www.w3.org/2000/svg'

export function element(id) {
  return document.getElementById(id)
}

/** `attributes`: a value of false or null leaves the attribute out. `children`: elements and texts. */
export function make(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children)
}

export function makeSvg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children)
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) made.setAttribute(name, value === true ? '' : value)
  }
  made.append(...children)
  return made
}
