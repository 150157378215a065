// One line on the process itself.

import { element } from '../shared/dom.js'
import { bytes, duration, number } from '../shared/numbers.js'
import { perSecond } from './words.js'

export function showProcess(status, previous) {
  const { uptimeSeconds, residentBytes, challenges, renewals } = status
  const cpu = perSecond(status, previous, ({ cpuSeconds }) => cpuSeconds) * 100
  const words = [
    `up ${duration(uptimeSeconds)}`,
    `CPU ${cpu.toFixed(0)} % of a core`,
    `memory ${bytes(residentBytes)}`,
    `challenges ${number(challenges)}, renewals ${number(renewals)}`,
  ]
  element('process').textContent = words.join(' · ')
}
